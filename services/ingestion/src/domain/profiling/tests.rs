use super::*;
use crate::domain::contract;

fn around() -> Surroundings {
    Surroundings {
        file_name: "f.csv".into(),
        source: "shop".into(),
        zone: None,
        currency: None,
        today: NaiveDate::default(),
    }
}

fn survey_of(text: &str) -> Survey {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines
        .next()
        .expect("header")
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut table = Table::new(names, 100);
    lines.for_each(|cells| table.add_row(&cells));
    let shape = TableShape {
        format: "csv",
        delimiter: ",".into(),
        header: true,
        encoding: "UTF-8",
        ..TableShape::default()
    };
    table.survey(shape)
}

#[track_caller]
fn check(text: &str, lines: &[&str]) {
    let survey = survey_of(text);
    let yaml = propose(&survey, &around());
    contract::parse(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{yaml}"));
    for line in lines {
        assert!(yaml.contains(line), "`{line}` is not in\n{yaml}");
    }
}

#[test]
fn proposes_orders() {
    check(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
         1,A,Lamp,2,2010-12-01 08:26:00,2.55,17850,France\n\
         1,B,Cup,1,2010-12-01 08:26:00,3.50,17850,France\n\
         2,A,Lamp,1,2010-12-02 08:26:00,2.55,17851,France\n",
        &[
            "{name: InvoiceNo, logicalType: string, required: true, primaryKey: true}",
            "{name: Quantity, logicalType: integer}",
            "{name: CustomerID, logicalType: string, classification: personal}",
            "time: {column: InvoiceDate, formats: [\"%Y-%m-%d %H:%M:%S\"], zone: UTC, delay: 0s} # guess",
            "value: \"Quantity * UnitPrice\"",
            "identifiers: {customer_id: CustomerID}",
            "items: {productId: StockCode, name: Description, quantity: Quantity, unitPrice: UnitPrice}",
            "types: Order Completed",
            "country: Country",
        ],
    );
}

#[test]
fn proposes_chinese_orders() {
    check(
        "行 ID,订单 ID,订单日期,客户 ID,客户名称,产品 ID,类别,销售额,手机号\n\
         1,CN-1,2017-04-27,曾惠-1,曾惠,P-1,办公,129.696,13812345678\n\
         2,CN-1,2017-04-27,曾惠-1,曾惠,P-2,办公,12,13812345678\n",
        &[
            "{name: 行 ID, logicalType: string, required: true, primaryKey: true}",
            "classification: personal/name",
            "classification: personal/phone",
            "zone: Asia/Shanghai",
            "currency: CNY # guess",
            "order_id: 订单 ID",
            "value: 销售额",
        ],
    );
}

#[test]
fn proposes_without_time_or_customer() {
    check(
        "score,\"quoted\" name,x: y\n1,a,NA\n2,b,3\n",
        &[
            "identifiers: {row: $row}",
            "time: {fixed: \"1970-01-01\"",
            "missing: [NA]",
            "types: Profile Imported",
        ],
    );
}

#[test]
fn tells_what_to_look_at() {
    let survey = survey_of("day,price,gap\n01/02/2024,\"£2\",\n03/04/2024,£5,\n05/06/2024,£7,x\n");
    let told = remarks(&survey).join("\n");
    for part in [
        "`day` reads as %d/%m/%Y and as %m/%d/%Y",
        "`gap` is missing in 66.7 %",
        "`price` holds",
    ] {
        assert!(told.contains(part), "{told}");
    }
}
