//! Names and signs of currencies.

/// Names and signs of currencies with the codes they may mean, the longer before what they contain.
pub(super) const SIGNS: &[(&str, &[&str])] = &[
    ("us$", &["USD"]),
    ("hk$", &["HKD"]),
    ("nt$", &["TWD"]),
    ("mx$", &["MXN"]),
    ("nz$", &["NZD"]),
    ("au$", &["AUD"]),
    ("ca$", &["CAD"]),
    ("r$", &["BRL"]),
    ("a$", &["AUD"]),
    ("c$", &["CAD"]),
    ("s$", &["SGD"]),
    ("cn¥", &["CNY"]),
    ("jp¥", &["JPY"]),
    ("人民币", &["CNY"]),
    ("rmb", &["CNY"]),
    ("新台币", &["TWD"]),
    ("台币", &["TWD"]),
    ("港币", &["HKD"]),
    ("港元", &["HKD"]),
    ("美元", &["USD"]),
    ("美金", &["USD"]),
    ("欧元", &["EUR"]),
    ("英镑", &["GBP"]),
    ("日元", &["JPY"]),
    ("日圆", &["JPY"]),
    ("韩元", &["KRW"]),
    ("澳元", &["AUD"]),
    ("加元", &["CAD"]),
    ("新加坡元", &["SGD"]),
    ("瑞士法郎", &["CHF"]),
    ("卢布", &["RUB"]),
    ("泰铢", &["THB"]),
    ("澳门元", &["MOP"]),
    ("yuan", &["CNY"]),
    ("euros", &["EUR"]),
    ("euro", &["EUR"]),
    ("dollars", DOLLARS),
    ("dollar", DOLLARS),
    ("pounds", &["GBP"]),
    ("yen", &["JPY"]),
    ("zł", &["PLN"]),
    ("kč", &["CZK"]),
    ("kr.", CROWNS),
    ("kr", CROWNS),
    ("руб.", &["RUB"]),
    ("руб", &["RUB"]),
    ("円", &["JPY"]),
    ("rs.", RUPEES),
    ("rs", RUPEES),
    ("fr.", &["CHF"]),
    ("$", DOLLARS),
    ("¥", &["CNY", "JPY"]),
    ("€", &["EUR"]),
    ("£", &["GBP", "EGP"]),
    ("₩", &["KRW"]),
    ("₹", &["INR"]),
    ("₽", &["RUB"]),
    ("฿", &["THB"]),
    ("₫", &["VND"]),
    ("₪", &["ILS"]),
    ("₺", &["TRY"]),
    ("₴", &["UAH"]),
    ("₱", &["PHP"]),
    ("₦", &["NGN"]),
    ("₸", &["KZT"]),
];
const DOLLARS: &[&str] = &[
    "USD", "AUD", "CAD", "HKD", "NZD", "SGD", "TWD", "MXN", "ARS", "CLP", "COP", "BND", "FJD",
    "JMD", "NAD", "TTD",
];
const CROWNS: &[&str] = &["SEK", "NOK", "DKK", "ISK"];
const RUPEES: &[&str] = &["INR", "PKR", "LKR", "NPR", "MUR"];

/// Codes of ISO 4217 in use.
pub(super) const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP \
CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD \
JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD \
OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD \
TZS UAH UGX USD UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG";
