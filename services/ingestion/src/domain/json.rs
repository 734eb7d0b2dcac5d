//! Reads JSON strictly: an object names a field once, nothing is nested too deep, and numbers keep all their digits.
//!
//! Libraries take the last of two equal names and the nearest floating-point number; both change what a source said
//! without a word.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde_json::{Map, Number, Value};

use super::decimal::Decimal;

/// Most levels of objects and lists within each other.
pub const DEPTH_MAX: usize = 32;
/// Up to so many fields, two equal names are looked for without a set.
const FEW: usize = 16;

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json<'t> {
    /// `null`
    Null,
    /// `true` or `false`
    Flag(bool),
    /// A number by its text, of any size and precision.
    Number(&'t str),
    /// A text.
    Text(Cow<'t, str>),
    /// A list.
    List(Vec<Json<'t>>),
    /// An object, its fields in the order in which they are written.
    Object(Vec<(Cow<'t, str>, Json<'t>)>),
}

/// Why a text is no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// Byte at which it was noticed, from 1.
    pub position: usize,
    /// What is wrong. Names of fields are told, values never are.
    pub problem: String,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at position {}", self.problem, self.position)
    }
}

impl std::error::Error for JsonFault {}

/// Reads a text that is one JSON value.
pub fn parse(text: &str) -> Result<Json<'_>, JsonFault> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.blanks();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.fault("not JSON: something follows the value")),
    }
}

impl<'t> Json<'t> {
    /// Returns a field of an object.
    pub fn get(&self, name: &str) -> Option<&Json<'t>> {
        let Self::Object(fields) = self else {
            return None;
        };
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// Returns the value in the form that most code takes. Fails, with the text of the number, for one that no
    /// floating-point number comes near.
    pub fn to_value(&self) -> Result<Value, String> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Number(text) => Value::Number(number(text).ok_or_else(|| (*text).to_owned())?),
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::List(values) => Value::Array(
                values
                    .iter()
                    .map(Self::to_value)
                    .collect::<Result<_, _>>()?,
            ),
            Self::Object(fields) => {
                let mut map = Map::new();
                for (name, value) in fields {
                    map.insert(name.clone().into_owned(), value.to_value()?);
                }
                Value::Object(map)
            }
        })
    }

    /// Returns the text of a value in a cell: texts as they are, nothing for `null`, all else as JSON. A number that a
    /// floating-point number says as well has the text of that one, so that it reads the same whichever way it came.
    pub fn cell(&self) -> Cow<'t, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Text(text) => text.clone(),
            Self::Number(text) if is_small(text) => Cow::Borrowed(text),
            Self::Number(text) => shortest(text).map_or(Cow::Borrowed(*text), Cow::Owned),
            Self::Flag(true) => Cow::Borrowed("true"),
            Self::Flag(false) => Cow::Borrowed("false"),
            nested => {
                let mut text = String::new();
                nested.write(&mut text);
                Cow::Owned(text)
            }
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(&Value::String(text.clone().into_owned()).to_string()),
            Self::Null => out.push_str("null"),
            // As a sent number within a list is written.
            Self::Number(text) => {
                match shortest(text).and_then(|short| short.parse::<f64>().ok()) {
                    Some(number) => out.push_str(&Value::from(number).to_string()),
                    None => out.push_str(text),
                }
            }
            Self::List(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                let mut fields: Vec<&(Cow<'_, str>, Json<'_>)> = fields.iter().collect();
                fields.sort_by(|a, b| a.0.cmp(&b.0));
                for (index, (name, value)) in fields.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&Value::String(name.clone().into_owned()).to_string());
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            plain => out.push_str(&plain.cell()),
        }
    }
}

/// Returns a number as the library holds it; `None` when it is beyond every floating-point number.
fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i64>()
        && text != "-0"
    {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    Number::from_f64(text.parse().ok()?)
}

/// Returns true for a whole number that is its own shortest text.
fn is_small(text: &str) -> bool {
    text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the shortest text of a number, unless digits would be lost.
fn shortest(text: &str) -> Option<String> {
    let short = text.parse::<f64>().ok()?.to_string();
    let difference = Decimal::parse(&short)?.plus(Decimal::parse(text)?.negated())?;
    (difference.signum() == 0).then_some(short)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn fault(&self, problem: impl Into<String>) -> JsonFault {
        JsonFault {
            position: self.at + 1,
            problem: problem.into(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json<'t>, JsonFault> {
        self.blanks();
        match self.peek() {
            Some(b'{' | b'[') if depth >= DEPTH_MAX => {
                Err(self.fault(format!("nested deeper than {DEPTH_MAX} levels")))
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Flag(true)),
            Some(b'f') => self.word("false", Json::Flag(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.fault("not JSON")),
            None => Err(self.fault("not JSON: it ends too early")),
        }
    }

    fn word(&mut self, word: &str, value: Json<'t>) -> Result<Json<'t>, JsonFault> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.fault("not JSON"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Json<'t>, JsonFault> {
        self.at += 1;
        let mut fields: Vec<(Cow<'t, str>, Json<'t>)> = Vec::new();
        let mut many: HashSet<String> = HashSet::new();
        loop {
            self.blanks();
            match self.peek() {
                Some(b'}') if fields.is_empty() => break,
                Some(b'"') => {}
                _ => return Err(self.fault("not JSON: the name of a field is expected")),
            }
            let name = self.string()?;
            if fields.len() == FEW {
                many = fields.iter().map(|(it, _)| it.to_string()).collect();
            }
            let known = match fields.len() < FEW {
                true => fields.iter().any(|(known, _)| *known == name),
                false => !many.insert(name.to_string()),
            };
            if known {
                let short: String = name.chars().take(40).collect();
                return Err(self.fault(format!("the field `{short}` is there twice")));
            }
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.fault("not JSON: a colon is expected"));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            fields.push((name, value));
            if !self.goes_on(b'}')? {
                return Ok(Json::Object(fields));
            }
        }
        self.at += 1;
        Ok(Json::Object(fields))
    }

    fn list(&mut self, depth: usize) -> Result<Json<'t>, JsonFault> {
        self.at += 1;
        let mut values = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if !self.goes_on(b']')? {
                return Ok(Json::List(values));
            }
        }
    }

    /// Reads a comma and returns true, or the end and returns false.
    fn goes_on(&mut self, end: u8) -> Result<bool, JsonFault> {
        self.blanks();
        let more = match self.peek() {
            Some(b',') => true,
            Some(byte) if byte == end => false,
            _ => return Err(self.fault("not JSON: a comma or an end is expected")),
        };
        self.at += 1;
        Ok(more)
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.at == start {
            true => Err(self.fault("not JSON: a digit is expected")),
            false => Ok(()),
        }
    }

    fn number(&mut self) -> Result<Json<'t>, JsonFault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Json::Number(&self.text[start..self.at]))
    }

    fn string(&mut self) -> Result<Cow<'t, str>, JsonFault> {
        self.at += 1;
        let start = self.at;
        let mut owned: Option<String> = None;
        let mut plain = start;
        loop {
            let Some(byte) = self.peek() else {
                return Err(self.fault("not JSON: a text is not closed"));
            };
            match byte {
                b'"' => {
                    let rest = &self.text[plain..self.at];
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(rest),
                        Some(text) => Cow::Owned(text + rest),
                    });
                }
                b'\\' => {
                    let text = owned.get_or_insert_default();
                    text.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    let letter = self.escape()?;
                    owned.get_or_insert_default().push(letter);
                    plain = self.at;
                }
                0..=0x1f => {
                    return Err(self.fault("not JSON: a control character stands in a text"));
                }
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonFault> {
        let Some(byte) = self.peek() else {
            return Err(self.fault("not JSON: a text is not closed"));
        };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => {
                self.at -= 1;
                return Err(self.fault("not JSON: no such escape"));
            }
        })
    }

    fn unit(&mut self) -> Result<u32, JsonFault> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let hex = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let unit = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let Some(unit) = unit else {
            return Err(self.fault("not JSON: four hexadecimal digits are expected"));
        };
        self.at += 4;
        Ok(unit)
    }

    fn code_point(&mut self) -> Result<char, JsonFault> {
        let first = self.unit()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !self.text[self.at..].starts_with("\\u") {
                    return Err(self.fault("half of a surrogate pair stands alone"));
                }
                self.at += 2;
                let second = self.unit()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.fault("half of a surrogate pair stands alone"));
                }
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| self.fault("half of a surrogate pair stands alone"))
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
