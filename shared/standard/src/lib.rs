//! Standard forms of fields: phone numbers, addresses of mail, dates, money, units, regions, flags and texts.
