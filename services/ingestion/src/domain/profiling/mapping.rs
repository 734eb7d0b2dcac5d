//! Guesses which events the rows of a file mean.

use super::Surroundings;
use super::meaning::{self, Meaning};
use super::survey::{ColumnSurvey, Kind, Survey};

/// What Chinese columns are called as properties.
const CHINESE: [(&str, &str); 22] = [
    ("细分", "customer_segment"),
    ("城市", "city"),
    ("省/自治区", "province"),
    ("省份", "province"),
    ("省", "province"),
    ("国家", "country"),
    ("地区", "region"),
    ("邮寄方式", "ship_mode"),
    ("折扣", "discount"),
    ("利润", "profit"),
    ("发货日期", "ship_date"),
    ("支付方式", "payment_method"),
    ("渠道", "channel"),
    ("性别", "gender"),
    ("年龄", "age"),
    ("状态", "status"),
    ("品牌", "brand"),
    ("运费", "shipping"),
    ("类型", "kind"),
    ("备注", "note"),
    ("评分", "rating"),
    ("满意度", "csat"),
];

/// A proposal of how rows become events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mapping {
    /// Column of the time.
    pub(super) time: Option<usize>,
    pub(super) zone: String,
    pub(super) zone_guessed: bool,
    pub(super) currency: Option<(String, bool)>,
    /// Namespaces with their columns; none means that every row stands for a customer of its own.
    pub(super) identifiers: Vec<(&'static str, usize)>,
    pub(super) kind: &'static str,
    /// Expression of the value.
    pub(super) value: Option<String>,
    pub(super) product: Option<usize>,
    pub(super) product_name: Option<usize>,
    pub(super) category: Vec<usize>,
    pub(super) quantity: Option<usize>,
    pub(super) unit_price: Option<usize>,
    /// Names of properties with their columns.
    pub(super) properties: Vec<(String, usize)>,
    /// Personal columns that no property takes.
    pub(super) left_out: Vec<usize>,
}

/// Guesses a mapping.
pub(super) fn guess(survey: &Survey, around: &Surroundings) -> Mapping {
    let columns = &survey.columns;
    let numeric = |meaning: Meaning| {
        let found = |column: &ColumnSurvey| {
            column.meaning == Some(meaning)
                && matches!(column.kind, Kind::Integer | Kind::Number)
                && nameable(&column.name)
        };
        columns.iter().position(found)
    };
    let (amount, quantity, price) = (
        numeric(Meaning::Amount),
        numeric(Meaning::Quantity),
        numeric(Meaning::UnitPrice),
    );
    let product = survey
        .find(Meaning::Product)
        .filter(|_| !survey.shape.ragged);
    let value = match (amount, quantity, price) {
        (Some(amount), ..) => Some(columns[amount].name.clone()),
        (None, Some(quantity), Some(price)) => Some(format!(
            "{} * {}",
            columns[quantity].name, columns[price].name
        )),
        (None, None, Some(price)) => Some(columns[price].name.clone()),
        _ => None,
    };
    let chinese = columns
        .iter()
        .any(|column| !column.name.is_ascii() && has_chinese(&column.name));
    let money = value.is_some() || price.is_some();
    let mut mapping = Mapping {
        time: time(columns),
        zone: around
            .zone
            .clone()
            .unwrap_or_else(|| zone(chinese).to_owned()),
        zone_guessed: around.zone.is_none(),
        currency: money.then(|| currency(columns, around, chinese)),
        identifiers: identifiers(survey),
        kind: kind(survey, value.is_some(), product.is_some()),
        value,
        product,
        product_name: product.and(survey.find(Meaning::ProductName)),
        category: match product {
            Some(_) => [Meaning::Category, Meaning::Subcategory]
                .into_iter()
                .filter_map(|it| survey.find(it))
                .collect(),
            None => Vec::new(),
        },
        quantity: product.and(quantity),
        unit_price: product.and(price),
        ..Mapping::default()
    };
    properties(survey, &mut mapping, amount);
    mapping
}

/// Says whether an expression can hold a name.
fn nameable(name: &str) -> bool {
    !name.contains(['+', '*']) && !name.starts_with('-') && name.trim() == name
}

fn has_chinese(text: &str) -> bool {
    text.chars()
        .any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
}

fn zone(chinese: bool) -> &'static str {
    if chinese { "Asia/Shanghai" } else { "UTC" }
}

fn currency(columns: &[ColumnSurvey], around: &Surroundings, chinese: bool) -> (String, bool) {
    if let Some(code) = columns.iter().find_map(|column| column.currency) {
        return (code.to_owned(), false);
    }
    match &around.currency {
        Some(code) => (code.clone(), false),
        None => ((if chinese { "CNY" } else { "EUR" }).to_owned(), true),
    }
}

fn time(columns: &[ColumnSurvey]) -> Option<usize> {
    let times = columns.iter().enumerate().filter(|(_, column)| {
        matches!(column.kind, Kind::Time { .. }) && column.meaning != Some(Meaning::BirthDate)
    });
    times
        .min_by_key(|(index, column)| (Meaning::time_rank(&column.name), *index))
        .map(|(index, _)| index)
}

/// Finds the identifiers of customers, the strongest first.
fn identifiers(survey: &Survey) -> Vec<(&'static str, usize)> {
    let columns = &survey.columns;
    let mut found = Vec::new();
    // A file with one row for each customer calls their number simply `id`.
    let own_id = || {
        let no_order =
            survey.find(Meaning::Order).is_none() && survey.find(Meaning::Product).is_none();
        survey.find(Meaning::RowId).filter(|_| no_order)
    };
    if let Some(index) = survey.find(Meaning::Customer).or_else(own_id) {
        found.push(("customer_id", index));
    }
    for (namespace, personal) in [("email", "email"), ("phone", "phone")] {
        let column = columns
            .iter()
            .position(|column| column.personal == Some(personal));
        // A number that many rows share belongs to a place, not to a person.
        let own =
            column.filter(|index| !found.is_empty() || columns[*index].distinct * 2 > survey.rows);
        found.extend(own.map(|index| (namespace, index)));
    }
    found
}

fn kind(survey: &Survey, valued: bool, product: bool) -> &'static str {
    let has = |meaning| survey.find(meaning).is_some();
    if survey.shape.ragged || valued && (product || has(Meaning::Order) || has(Meaning::Customer)) {
        "Order Completed"
    } else if has(Meaning::Score)
        || has(Meaning::Satisfaction) && has(Meaning::Customer) && !product
    {
        "Survey Answered"
    } else if has(Meaning::Comment) {
        "Review Posted"
    } else if product {
        "Product Viewed"
    } else {
        "Profile Imported"
    }
}

/// Names a property for every column that nothing else took.
fn properties(survey: &Survey, mapping: &mut Mapping, amount: Option<usize>) {
    let items = [
        mapping.product,
        mapping.product_name,
        mapping.quantity,
        mapping.unit_price,
        amount,
        mapping.time,
    ];
    let mut taken: Vec<usize> = items.into_iter().flatten().collect();
    taken.extend(&mapping.category);
    taken.extend(mapping.identifiers.iter().map(|(_, index)| *index));
    let mut names: Vec<(String, usize)> = Vec::new();
    for (index, column) in survey.columns.iter().enumerate() {
        let of_row = column.meaning == Some(Meaning::RowId) || column.name.starts_with("column_");
        if taken.contains(&index) || of_row && column.unique {
            continue;
        }
        if column.personal.is_some() {
            mapping.left_out.push(index);
            continue;
        }
        let plain = property_name(column);
        let mut name = plain.clone();
        let mut count = 1;
        while names.iter().any(|(known, _)| *known == name) {
            count += 1;
            name = format!("{plain}_{count}");
        }
        names.push((name, index));
    }
    mapping.properties = names;
}

/// Returns what a column is called as a property: by its meaning where the event model has a word for it.
fn property_name(column: &ColumnSurvey) -> String {
    let known = match column.meaning {
        Some(Meaning::Order) => Some("order_id"),
        Some(Meaning::Product) => Some("product_id"),
        Some(Meaning::Score) => Some("nps"),
        Some(Meaning::Satisfaction) => Some("csat"),
        Some(Meaning::Comment) => Some("text"),
        _ => None,
    };
    let chinese = CHINESE.iter().find(|(name, _)| *name == column.name.trim());
    if let Some(name) = known.or(chinese.map(|(_, name)| *name)) {
        return name.to_owned();
    }
    let name = meaning::plain(&column.name).replace([' ', '.'], "_");
    match name.chars().count() {
        0 => "property".to_owned(),
        count if count > 60 => name.chars().take(60).collect(),
        _ => name,
    }
}
