//! What names of fields say.

use super::Policy;

/// Returns the name in lower case without separators, so that `E-Mail` and `e_mail` are one.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Returns what becomes of a field of a well-known plain name.
pub(super) fn well_known(plain: &str) -> Option<Policy> {
    match plain {
        "email" | "emailaddress" | "mail" | "phone" | "phonenumber" | "telephone" | "mobile"
        | "mobilenumber" | "tel" | "msisdn" | "ip" | "ipaddress" | "邮箱" | "手机" | "手机号"
        | "电话" => Some(Policy::Hash(None)),
        "name"
        | "firstname"
        | "lastname"
        | "fullname"
        | "givenname"
        | "surname"
        | "middlename"
        | "customername"
        | "address"
        | "address1"
        | "address2"
        | "street"
        | "streetaddress"
        | "birthday"
        | "birthdate"
        | "dateofbirth"
        | "ssn"
        | "socialsecuritynumber"
        | "passport"
        | "passportnumber"
        | "idcard"
        | "cardnumber"
        | "iban"
        | "password"
        | "姓名"
        | "客户名称"
        | "地址"
        | "身份证" => Some(Policy::Drop),
        // `contact_phone`, `buyerEmail`, `收货人电话`.
        _ if [
            "phone",
            "phonenumber",
            "mobile",
            "email",
            "手机",
            "手机号",
            "电话",
            "邮箱",
        ]
        .iter()
        .any(|end| plain.ends_with(end)) =>
        {
            Some(Policy::Hash(None))
        }
        _ => None,
    }
}

/// Names of properties that hold what people write.
const TEXTS: &[&str] = &[
    "text",
    "comment",
    "comments",
    "review",
    "reviewtext",
    "reviewbody",
    "title",
    "body",
    "message",
    "description",
    "content",
    "subject",
    "feedback",
    "reason",
    "note",
    "notes",
    "answer",
    "remark",
    "remarks",
    "summary",
    "question",
    "评论",
    "评价",
    "内容",
    "备注",
    "留言",
    "描述",
    "反馈",
    "标题",
    "问题",
    "回答",
    "投诉",
];
/// Types of events that bring what people write.
const KINDS: &[&str] = &[
    "review posted",
    "ticket opened",
    "ticket updated",
    "ticket closed",
    "survey answered",
    "comment posted",
];
/// Ends of the names of codes: numbers in them are none of a person's.
const CODES: &[&str] = &[
    "id",
    "ids",
    "sku",
    "barcode",
    "ean",
    "upc",
    "isbn",
    "gtin",
    "asin",
    "code",
    "ordernumber",
    "orderno",
    "invoice",
    "invoiceno",
    "invoicenumber",
    "trackingnumber",
    "version",
    "订单号",
    "单号",
    "编号",
    "货号",
];
/// Names that end like codes and tell of persons.
const PERSONS: &[&str] = &[
    "user", "customer", "member", "account", "buyer", "client", "contact", "person", "login",
    "wechat", "open", "union",
];

/// Returns whether a property of this name holds what people write.
pub(super) fn is_text(name: &str) -> bool {
    TEXTS.contains(&plain(name).as_str())
}

/// Returns whether events of this type bring what people write.
pub fn is_told(kind: &str) -> bool {
    KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// Returns whether a property of this name is a code, in which a number of eleven digits is no telephone number.
pub(super) fn is_code(name: &str) -> bool {
    let plain = plain(name);
    CODES.iter().any(|end| {
        plain
            .strip_suffix(end)
            .is_some_and(|start| !PERSONS.contains(&start))
    })
}
