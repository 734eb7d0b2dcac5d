use super::*;

#[track_caller]
fn check(currency: Option<&str>, raw: &str, expected: Result<&str, Reason>) {
    let rule = MoneyRule {
        currency: currency.map(str::to_owned),
        ..MoneyRule::default()
    };
    assert_eq!(
        rule.read(raw).map(|it| it.value.to_string()),
        expected.map(str::to_owned),
        "{raw}"
    );
}

#[test]
fn reads_amounts_of_a_declared_currency() {
    for (raw, expected) in [
        ("¥1,234.50", "CNY 1234.50"),
        ("￥１２．３", "CNY 12.30"),
        ("1234.5元", "CNY 1234.50"),
        ("RMB 12", "CNY 12.00"),
        ("12.3万", "CNY 123000.00"),
        ("12.3万元", "CNY 123000.00"),
        ("(12.30)", "CNY -12.30"),
        ("(¥12.30)", "CNY -12.30"),
        ("¥(12.30)", "CNY -12.30"),
        ("-¥5", "CNY -5.00"),
        ("¥-5", "CNY -5.00"),
        ("12元3角5分", "CNY 12.35"),
        ("12块5", "CNY 12.50"),
        ("壹佰元伍角整", "CNY 100.50"),
        ("人民币壹万贰仟元整", "CNY 12000.00"),
        ("¥12.30元", "CNY 12.30"),
        ("cny 7", "CNY 7.00"),
        ("0", "CNY 0.00"),
        ("12.300", "x"),
    ] {
        let expected = if expected == "x" {
            Err(Reason::AmbiguousNumber)
        } else {
            Ok(expected)
        };
        check(Some("CNY"), raw, expected);
    }
    check(Some("EUR"), "1.234,50 €", Ok("EUR 1234.50"));
    check(Some("EUR"), "€ 1 234,5", Ok("EUR 1234.50"));
    check(Some("JPY"), "¥1,234", Ok("JPY 1234"));
    check(Some("USD"), "$1.5k", Ok("USD 1500.00"));
    check(Some("SEK"), "12,50 kr", Ok("SEK 12.50"));
    check(Some("KWD"), "1,5 KWD", Ok("KWD 1.500"));
}

#[test]
fn reads_currencies_that_amounts_name() {
    check(None, "EUR 12,50", Ok("EUR 12.50"));
    check(None, "12.50 usd", Ok("USD 12.50"));
    check(None, "HK$12", Ok("HKD 12.00"));
    check(None, "12美元", Ok("USD 12.00"));
    check(None, "$12", Err(Reason::CurrencyUnknown));
    check(None, "12", Err(Reason::CurrencyUnknown));
    check(None, "¥12元", Ok("CNY 12.00"));
}

#[test]
fn refuses_what_is_not_exactly_an_amount_of_the_currency() {
    check(Some("CNY"), "$12", Err(Reason::OtherCurrency));
    check(Some("CNY"), "12 EUR", Err(Reason::OtherCurrency));
    check(Some("CNY"), "1.2345", Err(Reason::PartOfMinorUnit));
    check(Some("JPY"), "¥1.5", Err(Reason::PartOfMinorUnit));
    check(Some("EUR"), "1.234 €", Err(Reason::AmbiguousNumber));
    check(Some("CNY"), "free", Err(Reason::Money));
    check(Some("CNY"), "¥", Err(Reason::Money));
    check(
        Some("CNY"),
        "999999999999999999999",
        Err(Reason::OutOfRange),
    );
    check(Some("CNY"), "", Err(Reason::Empty));
}

#[test]
fn rounds_when_told() {
    let rule = MoneyRule {
        currency: Some("CNY".to_owned()),
        excess: Excess::Round,
        ..MoneyRule::default()
    };
    let answer = rule.read("125.43999999999998").expect("amount");
    assert_eq!(
        (answer.value.minor, answer.changes.as_slice()),
        (12_544, &["money", "rounded"][..])
    );
}
