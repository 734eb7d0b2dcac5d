//! What kind of personal data a column holds.

use super::node::Node;

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonalClass {
    /// Personal in some way: a customer number, a login.
    Other,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A person's name.
    Name,
    /// A postal address.
    Address,
    /// A number of an identity card or passport.
    IdNumber,
    /// A number of a bank card or account.
    BankCard,
    /// A date of birth.
    BirthDate,
    /// An address of the internet protocol.
    IpAddress,
}

impl PersonalClass {
    /// Every class, with the word that follows `personal/` in a contract.
    pub const ALL: [(&'static str, Self); 8] = [
        ("email", Self::Email),
        ("phone", Self::Phone),
        ("name", Self::Name),
        ("address", Self::Address),
        ("id_number", Self::IdNumber),
        ("bank_card", Self::BankCard),
        ("birth_date", Self::BirthDate),
        ("ip_address", Self::IpAddress),
    ];

    /// Returns the word for the class.
    pub fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, class)| *class == self);
        found.map_or("personal", |(word, _)| word)
    }
}

/// Reads a column's classification; `None` for what is not personal.
pub(super) fn read(node: &Node<'_>) -> Option<PersonalClass> {
    let text = node.text()?;
    match text.split_once('/') {
        None => matches!(text.as_str(), "personal" | "restricted" | "pii")
            .then_some(PersonalClass::Other),
        Some(("personal", word)) => {
            let found = PersonalClass::ALL.iter().find(|(known, _)| *known == word);
            if found.is_none() {
                let known: Vec<_> = PersonalClass::ALL.iter().map(|(word, _)| *word).collect();
                node.wrong(
                    "UNKNOWN_CLASS",
                    format!("known kinds of personal data are {}", known.join(", ")),
                );
            }
            Some(found.map_or(PersonalClass::Other, |(_, class)| *class))
        }
        Some(_) => None,
    }
}
