//! What a column is for, by its name.

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// When it happened.
    EventTime,
    /// Another time.
    OtherTime,
    /// Number of the customer.
    Customer,
    /// A number of whatever the row is about.
    RowId,
    /// Number of the order.
    Order,
    /// Number of the line within an order.
    Line,
    /// Number of the product.
    Product,
    /// Name of the product.
    ProductName,
    /// Category of the product.
    Category,
    /// Category below it.
    Subcategory,
    /// Pieces.
    Quantity,
    /// Price of one piece.
    UnitPrice,
    /// Amount of the row.
    Amount,
    /// Recommendation score.
    Score,
    /// Satisfaction.
    Satisfaction,
    /// Free text of a customer.
    Comment,
    /// E-mail address.
    Email,
    /// Phone number.
    Phone,
    /// Name of a person.
    PersonName,
    /// Postal address.
    Address,
    /// Day of birth.
    BirthDate,
    /// Number of an identity card.
    IdNumber,
    /// Number of a bank card.
    BankCard,
    /// Digits that are no number: postal codes and the like.
    Code,
}

use Meaning::*;

/// Names with their meanings; a name that ends with one counts too, where the table says `true`.
const NAMES: &[(&str, Meaning, bool)] = &[
    ("row id", RowId, false),
    ("行 id", RowId, false),
    ("行id", RowId, false),
    ("序号", RowId, false),
    ("id", RowId, false),
    ("编号", RowId, false),
    ("record id", RowId, false),
    ("rec id", RowId, false),
    ("line", Line, false),
    ("line number", Line, true),
    ("line no", Line, true),
    ("行号", Line, true),
    ("order id", Order, true),
    ("order no", Order, true),
    ("order number", Order, true),
    ("order", Order, false),
    ("invoice no", Order, true),
    ("invoice number", Order, true),
    ("invoice", Order, false),
    ("invoice id", Order, true),
    ("transaction id", Order, true),
    ("basket id", Order, true),
    ("receipt", Order, false),
    ("ticket id", Order, true),
    ("订单 id", Order, true),
    ("订单id", Order, true),
    ("订单号", Order, true),
    ("订单编号", Order, true),
    ("customer id", Customer, true),
    ("customer no", Customer, true),
    ("customer number", Customer, true),
    ("customer", Customer, false),
    ("client id", Customer, true),
    ("user id", Customer, true),
    ("user", Customer, false),
    ("userid", Customer, false),
    ("uid", Customer, false),
    ("member id", Customer, true),
    ("buyer id", Customer, true),
    ("buyer", Customer, false),
    ("visitor id", Customer, true),
    ("account id", Customer, true),
    ("buyer.id", Customer, false),
    ("customer.id", Customer, false),
    ("user.id", Customer, false),
    ("客户 id", Customer, true),
    ("客户id", Customer, true),
    ("客户编号", Customer, true),
    ("会员 id", Customer, true),
    ("会员id", Customer, true),
    ("会员编号", Customer, true),
    ("会员号", Customer, true),
    ("用户 id", Customer, true),
    ("用户id", Customer, true),
    ("用户编号", Customer, true),
    ("顾客编号", Customer, true),
    ("买家 id", Customer, true),
    ("客户", Customer, false),
    ("user id token", Customer, false),
    ("stock code", Product, true),
    ("product id", Product, true),
    ("product code", Product, true),
    ("product", Product, false),
    ("item id", Product, true),
    ("item", Product, false),
    ("sku", Product, true),
    ("article id", Product, true),
    ("item id token", Product, false),
    ("产品 id", Product, true),
    ("产品id", Product, true),
    ("产品编号", Product, true),
    ("商品 id", Product, true),
    ("商品id", Product, true),
    ("商品编号", Product, true),
    ("商品编码", Product, true),
    ("货号", Product, true),
    ("product name", ProductName, true),
    ("item name", ProductName, true),
    ("description", ProductName, false),
    ("产品名称", ProductName, true),
    ("商品名称", ProductName, true),
    ("品名", ProductName, true),
    ("category", Category, false),
    ("product category", Category, true),
    ("category id", Category, true),
    ("类别", Category, false),
    ("品类", Category, false),
    ("产品类别", Category, true),
    ("商品类别", Category, true),
    ("sub category", Subcategory, true),
    ("subcategory", Subcategory, true),
    ("子类别", Subcategory, true),
    ("quantity", Quantity, true),
    ("qty", Quantity, true),
    ("pieces", Quantity, true),
    ("units", Quantity, false),
    ("数量", Quantity, true),
    ("件数", Quantity, true),
    ("销量", Quantity, true),
    ("unit price", UnitPrice, true),
    ("unitprice", UnitPrice, true),
    ("price", UnitPrice, false),
    ("item price", UnitPrice, true),
    ("单价", UnitPrice, true),
    ("价格", UnitPrice, false),
    ("售价", UnitPrice, true),
    ("amount", Amount, true),
    ("sales", Amount, false),
    ("revenue", Amount, false),
    ("total", Amount, false),
    ("total amount", Amount, true),
    ("order value", Amount, true),
    ("value", Amount, false),
    ("spend", Amount, false),
    ("turnover", Amount, false),
    ("sales amount", Amount, true),
    ("销售额", Amount, true),
    ("金额", Amount, true),
    ("实付", Amount, true),
    ("总价", Amount, true),
    ("成交额", Amount, true),
    ("order date", EventTime, true),
    ("invoice date", EventTime, true),
    ("order time", EventTime, true),
    ("event time", EventTime, true),
    ("timestamp", EventTime, true),
    ("timestamp float", EventTime, false),
    ("purchase date", EventTime, true),
    ("transaction date", EventTime, true),
    ("created at", EventTime, true),
    ("order created at", EventTime, true),
    ("dt customer", EventTime, false),
    ("date", EventTime, false),
    ("datetime", EventTime, false),
    ("day", EventTime, false),
    ("time", EventTime, false),
    ("date week", EventTime, false),
    ("订单日期", EventTime, true),
    ("下单时间", EventTime, true),
    ("下单日期", EventTime, true),
    ("购买日期", EventTime, true),
    ("购买时间", EventTime, true),
    ("交易时间", EventTime, true),
    ("交易日期", EventTime, true),
    ("日期", EventTime, false),
    ("时间", EventTime, false),
    ("创建时间", EventTime, true),
    ("nps", Score, true),
    ("recommendation", Score, false),
    ("推荐分", Score, true),
    ("推荐意愿", Score, true),
    ("satisfaction", Satisfaction, true),
    ("csat", Satisfaction, true),
    ("rating", Satisfaction, true),
    ("stars", Satisfaction, true),
    ("满意度", Satisfaction, true),
    ("评分", Satisfaction, true),
    ("rating float", Satisfaction, false),
    ("review", Comment, true),
    ("comment", Comment, true),
    ("comments", Comment, true),
    ("text", Comment, false),
    ("feedback", Comment, true),
    ("explication", Comment, false),
    ("commentaire", Comment, true),
    ("评论", Comment, true),
    ("评价", Comment, true),
    ("反馈", Comment, true),
    ("email", Email, true),
    ("e mail", Email, true),
    ("mail", Email, false),
    ("邮箱", Email, true),
    ("电子邮件", Email, true),
    ("phone", Phone, true),
    ("phone number", Phone, true),
    ("mobile", Phone, true),
    ("telephone", Phone, true),
    ("tel", Phone, false),
    ("手机", Phone, true),
    ("手机号", Phone, true),
    ("电话", Phone, true),
    ("联系方式", Phone, true),
    ("手机号码", Phone, true),
    ("customer name", PersonName, true),
    ("first name", PersonName, true),
    ("last name", PersonName, true),
    ("full name", PersonName, true),
    ("given name", PersonName, true),
    ("surname", PersonName, true),
    ("contact name", PersonName, true),
    ("姓名", PersonName, true),
    ("客户名称", PersonName, true),
    ("客户姓名", PersonName, true),
    ("会员姓名", PersonName, true),
    ("收件人", PersonName, true),
    ("联系人", PersonName, true),
    ("昵称", PersonName, true),
    ("address", Address, true),
    ("street", Address, true),
    ("address1", Address, false),
    ("address 1", Address, true),
    ("address 2", Address, true),
    ("address2", Address, false),
    ("address3", Address, false),
    ("street number", Address, true),
    ("地址", Address, true),
    ("收货地址", Address, true),
    ("birth date", BirthDate, true),
    ("birthday", BirthDate, true),
    ("date of birth", BirthDate, true),
    ("dob", BirthDate, false),
    ("出生日期", BirthDate, true),
    ("生日", BirthDate, true),
    ("ssn", IdNumber, false),
    ("soc sec id", IdNumber, true),
    ("passport", IdNumber, true),
    ("national id", IdNumber, true),
    ("身份证", IdNumber, true),
    ("身份证号", IdNumber, true),
    ("证件号", IdNumber, true),
    ("card number", BankCard, true),
    ("iban", BankCard, true),
    ("银行卡", BankCard, true),
    ("银行卡号", BankCard, true),
    ("卡号", BankCard, true),
    ("zip", Code, true),
    ("zip code", Code, true),
    ("postcode", Code, true),
    ("postal code", Code, true),
    ("邮编", Code, true),
    ("邮政编码", Code, true),
    ("code", Code, true),
    ("number", Code, true),
    ("no", Code, true),
];

impl Meaning {
    /// Tells what a column is for by its name; `None` when the name says nothing.
    pub fn of(name: &str) -> Option<Self> {
        let plain = plain(name);
        let exact = NAMES.iter().find(|(known, ..)| *known == plain);
        let ending = || {
            let ends = |known: &str| {
                plain.strip_suffix(known).is_some_and(|before| {
                    // A word of letters begins after a blank; Chinese words touch each other.
                    before.ends_with(' ') || !known.is_ascii()
                })
            };
            NAMES
                .iter()
                .filter(|(known, _, ending)| *ending && ends(known))
                .max_by_key(|(known, ..)| known.len())
        };
        let found = exact.or_else(ending).map(|(_, meaning, _)| *meaning);
        found.or_else(|| {
            let time = ["date", "time", "日期", "时间"];
            time.iter()
                .any(|word| plain.ends_with(word))
                .then_some(OtherTime)
        })
    }

    /// Returns how well a name says that its column tells the time of the event: the smaller the better.
    pub fn time_rank(name: &str) -> usize {
        let plain = plain(name);
        let rank = NAMES.iter().position(|(known, meaning, _)| {
            *meaning == EventTime && (*known == plain || plain.ends_with(known))
        });
        rank.unwrap_or(usize::MAX)
    }

    /// Returns the word for a kind of personal data; `None` when it is none.
    pub fn personal(self) -> Option<&'static str> {
        Some(match self {
            Email => "email",
            Phone => "phone",
            PersonName => "name",
            Address => "address",
            BirthDate => "birth_date",
            IdNumber => "id_number",
            BankCard => "bank_card",
            _ => return None,
        })
    }
}

/// Returns a name in lower case, its words apart: `InvoiceDate`, `invoice_date` and `Invoice date` are the same.
pub(super) fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for letter in name.chars() {
        let starts = letter.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit());
        let blank = !letter.is_alphanumeric() && letter != '.';
        if (starts || blank) && !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
        if !blank {
            out.extend(letter.to_lowercase());
        }
        before = letter;
    }
    // `CustomerID` has its last word in capitals.
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_what_columns_are_called() {
        for (name, expected) in [
            ("InvoiceNo", Some(Order)),
            ("StockCode", Some(Product)),
            ("InvoiceDate", Some(EventTime)),
            ("UnitPrice", Some(UnitPrice)),
            ("CustomerID", Some(Customer)),
            ("Customer ID", Some(Customer)),
            ("客户 ID", Some(Customer)),
            ("订单日期", Some(EventTime)),
            ("发货日期", Some(OtherTime)),
            ("销售额", Some(Amount)),
            ("子类别", Some(Subcategory)),
            ("行 ID", Some(RowId)),
            ("Dt_Customer", Some(EventTime)),
            ("PhoneNumber", Some(Phone)),
            ("ZipCode", Some(Code)),
            ("given_name", Some(PersonName)),
            ("Income", None),
            ("利润", None),
        ] {
            assert_eq!(Meaning::of(name), expected, "{name}");
        }
    }
}
