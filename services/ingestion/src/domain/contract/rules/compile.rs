//! Compiles an expression: checks names and types, and says where a mistake stands.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use cel::common::ast::{CallExpr, Expr, LiteralValue, SourceInfo, operators};
use cel::parser::Parser;
use cel::{IdedExpr, ParseErrors};
use chrono_tz::Tz;

use super::super::constraints::{Pattern, bounded_regex};
use super::super::{Column, LogicalType};
use super::names::{comparison, duration, operator, path_of, time_part};
use super::term::{Comparison, Operator, Term, TextTest, TimePart, Value, kind_of};
use crate::domain::decimal::Decimal;
use crate::domain::instant::read_iso;

/// Most bytes of an expression.
const TEXT_BYTES_MAX: usize = 2000;
/// Deepest nesting of an expression.
const DEPTH_MAX: u16 = 32;
/// Name by which columns can be reached whose names are no identifiers: `record["客户 ID"]`.
const RECORD: &str = "record";

/// Compiles expressions over the columns of a contract.
pub(super) struct Compiler<'a> {
    pub(super) columns: &'a [Column],
    pub(super) zone: Tz,
}

/// Type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Number,
    Text,
    Time,
    Span,
    List,
    Null,
}

/// A mistake in an expression.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) reason: &'static str,
    /// Line and column, from 1; 0 when it is about the whole.
    place: (usize, usize),
    text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            (0, _) => f.write_str(&self.text),
            (1, column) => write!(f, "at character {column}: {}", self.text),
            (line, column) => write!(f, "at line {line}, character {column}: {}", self.text),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "a truth value",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Time => "a time",
            Self::Span => "a length of time",
            Self::List => "a list",
            Self::Null => "null",
        })
    }
}

type Compiled = Result<(Term, Kind), Mistake>;

impl Compiler<'_> {
    /// Compiles an expression that is true or false.
    pub(super) fn condition(&self, text: &str) -> Result<Term, Mistake> {
        let whole = |reason, text: String| Mistake {
            reason,
            place: (0, 0),
            text,
        };
        if text.len() > TEXT_BYTES_MAX {
            let text = format!("an expression has at most {TEXT_BYTES_MAX} bytes");
            return Err(whole("TOO_LONG", text));
        }
        let parser = Parser::new().max_recursion_depth(DEPTH_MAX);
        let parsed = parser.parse_with_source_info(text);
        let (expression, source) = parsed.map_err(|errors| not_parsed(&errors))?;
        let scope = Scope {
            compiler: self,
            source: &source,
            text,
        };
        let (term, kind) = scope.compile(&expression)?;
        if kind != Kind::Flag {
            let text = format!("a condition is true or false, this is {kind}");
            return Err(whole("WRONG_TYPE", text));
        }
        Ok(term)
    }
}

fn not_parsed(errors: &ParseErrors) -> Mistake {
    let first = errors.errors.first();
    let place = first.map_or((0, 0), |error| {
        let number = |place: isize| usize::try_from(place).unwrap_or_default();
        (number(error.pos.0), number(error.pos.1).max(1))
    });
    let text = first.map_or("not an expression", |error| error.msg.as_str());
    Mistake {
        reason: "INVALID_EXPRESSION",
        place,
        text: text.to_owned(),
    }
}

/// One expression while it is compiled.
struct Scope<'a> {
    compiler: &'a Compiler<'a>,
    source: &'a SourceInfo,
    text: &'a str,
}

impl Scope<'_> {
    fn mistake(&self, at: &IdedExpr, reason: &'static str, text: impl Into<String>) -> Mistake {
        let place = self.source.offset_for(at.id).map_or((0, 0), |(start, _)| {
            // Offsets count bytes.
            let before = self.text.get(..start as usize).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            (line, column)
        });
        Mistake {
            reason,
            place,
            text: text.into(),
        }
    }

    fn compile(&self, at: &IdedExpr) -> Compiled {
        if let Some(found) = self.column(at)? {
            return Ok(found);
        }
        match &at.expr {
            Expr::Literal(literal) => self.literal(at, literal),
            Expr::Call(call) => self.call(at, call),
            Expr::List(list) => {
                let mut terms = Vec::with_capacity(list.elements.len());
                let mut of: Option<Kind> = None;
                for element in &list.elements {
                    let (term, kind) = self.compile(element)?;
                    if of.is_some_and(|known| known != kind) || kind == Kind::List {
                        let text = format!("a list holds values of one type, this is {kind}");
                        return Err(self.mistake(element, "WRONG_TYPE", text));
                    }
                    of = Some(kind);
                    terms.push(term);
                }
                Ok((Term::List(terms), Kind::List))
            }
            Expr::Ident(name) => Err(self.unknown(at, name)),
            Expr::Select(select) => Err(self.unknown(at, &select.field)),
            Expr::Comprehension(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                let text = "loops, maps and structures cannot stand in a rule";
                Err(self.mistake(at, "UNSUPPORTED", text))
            }
        }
    }

    fn unknown(&self, at: &IdedExpr, name: &str) -> Mistake {
        let text = format!(
            "the schema has no column `{name}`; a name that is no identifier is written `record[\"…\"]`"
        );
        self.mistake(at, "UNKNOWN_COLUMN", text)
    }

    /// Compiles what names a column, or asks whether one has a value.
    fn column(&self, at: &IdedExpr) -> Result<Option<(Term, Kind)>, Mistake> {
        let Some((name, test)) = path_of(at) else {
            return Ok(None);
        };
        let columns = self.compiler.columns;
        let inner = name.strip_prefix(RECORD);
        let inner = inner.and_then(|rest| rest.strip_prefix('.'));
        let names = [Some(name.as_str()), inner];
        let mut named = names.into_iter().flatten();
        let Some(index) =
            named.find_map(|name| columns.iter().position(|column| column.name == name))
        else {
            return match inner {
                Some(inner) => Err(self.unknown(at, inner)),
                None => Ok(None),
            };
        };
        let column = &columns[index];
        Ok(Some(match (test, column.logical_type) {
            (true, _) => (Term::Present(index), Kind::Flag),
            (false, LogicalType::Array) => (Term::Values(index), Kind::List),
            (false, logical_type) => (Term::Column(index, logical_type), kind_of(column)),
        }))
    }

    fn literal(&self, at: &IdedExpr, literal: &LiteralValue) -> Compiled {
        let number = |text: String| Decimal::parse(&text);
        let number = match literal {
            LiteralValue::Boolean(flag) => {
                return Ok((Term::Constant(Value::Flag(*flag.inner())), Kind::Flag));
            }
            LiteralValue::String(text) => {
                let text = Cow::Owned(text.inner().to_owned());
                return Ok((Term::Constant(Value::Text(text)), Kind::Text));
            }
            LiteralValue::Null => return Ok((Term::Constant(Value::Missing), Kind::Null)),
            LiteralValue::Bytes(_) => None,
            LiteralValue::Int(whole) => number(whole.inner().to_string()),
            LiteralValue::UInt(whole) => number(whole.inner().to_string()),
            // The shortest text that reads as the same number is the one that was written, up to 15 digits.
            LiteralValue::Double(number_read) => number(number_read.inner().to_string()),
        };
        match number {
            Some(number) => Ok((Term::Constant(Value::Number(number)), Kind::Number)),
            None => Err(self.mistake(at, "UNSUPPORTED", "this constant cannot stand in a rule")),
        }
    }

    fn call(&self, at: &IdedExpr, call: &CallExpr) -> Compiled {
        let operands = call.args.as_slice();
        match (call.func_name.as_str(), operands) {
            (operators::CONDITIONAL, [test, one, other]) => {
                let test = self.of_kind(test, Kind::Flag)?;
                let (first, kind) = self.compile(one)?;
                let second = self.of_kind(other, kind)?;
                let term = Term::If(Box::new(test), Box::new(first), Box::new(second));
                Ok((term, kind))
            }
            (operators::LOGICAL_NOT, [one]) => {
                let one = self.of_kind(one, Kind::Flag)?;
                Ok((Term::Not(Box::new(one)), Kind::Flag))
            }
            (operators::NEGATE, [one]) => {
                let one = Box::new(self.of_kind(one, Kind::Number)?);
                let zero = Box::new(Term::Constant(Value::Number(Decimal::of_units(0, 0))));
                Ok((Term::Compute(Operator::Subtract, zero, one), Kind::Number))
            }
            (operators::LOGICAL_AND, [one, other]) => {
                let one = self.of_kind(one, Kind::Flag)?;
                let other = self.of_kind(other, Kind::Flag)?;
                Ok((Term::And(Box::new(one), Box::new(other)), Kind::Flag))
            }
            (operators::LOGICAL_OR, [one, other]) => {
                let one = self.of_kind(one, Kind::Flag)?;
                let other = self.of_kind(other, Kind::Flag)?;
                Ok((Term::Or(Box::new(one), Box::new(other)), Kind::Flag))
            }
            (operators::IN, [one, list]) => {
                let (term, kind) = self.compile(one)?;
                let values = self.of_kind(list, Kind::List)?;
                self.check_members(list, &values, kind)?;
                Ok((Term::Among(Box::new(term), Box::new(values)), Kind::Flag))
            }
            (name, [one, other]) if comparison(name).is_some() => {
                self.compare(at, name, one, other)
            }
            (name, [one, other]) if operator(name).is_some() => self.compute(at, name, one, other),
            _ => self.function(at, call),
        }
    }

    fn of_kind(&self, at: &IdedExpr, wanted: Kind) -> Result<Term, Mistake> {
        let (term, kind) = self.compile(at)?;
        if kind == wanted {
            return Ok(term);
        }
        let text = format!("{wanted} is expected here, this is {kind}");
        Err(self.mistake(at, "WRONG_TYPE", text))
    }

    /// Checks that the values of a list are of a type.
    fn check_members(&self, at: &IdedExpr, list: &Term, kind: Kind) -> Result<(), Mistake> {
        let known = match list {
            Term::List(terms) => match terms.first() {
                Some(Term::Constant(Value::Number(_))) => Kind::Number,
                Some(Term::Constant(Value::Text(_))) => Kind::Text,
                Some(Term::Constant(Value::Flag(_))) => Kind::Flag,
                Some(Term::Constant(Value::Time(_))) => Kind::Time,
                Some(Term::Column(index, _)) => kind_of(&self.compiler.columns[*index]),
                // What is computed is compared when it is known.
                _ => kind,
            },
            _ => Kind::Text,
        };
        if known == kind {
            return Ok(());
        }
        let text = format!("the list holds {known}, what is looked for is {kind}");
        Err(self.mistake(at, "WRONG_TYPE", text))
    }

    fn compare(&self, at: &IdedExpr, name: &str, one: &IdedExpr, other: &IdedExpr) -> Compiled {
        let how = comparison(name).unwrap_or(Comparison::Equal);
        let ((left, left_kind), (right, right_kind)) = (self.compile(one)?, self.compile(other)?);
        let equality = matches!(how, Comparison::Equal | Comparison::NotEqual);
        if equality && (left_kind == Kind::Null || right_kind == Kind::Null) {
            let asked = match left_kind {
                Kind::Null => right,
                _ => left,
            };
            let known = Term::Known(Box::new(asked));
            let term = match how {
                Comparison::Equal => Term::Not(Box::new(known)),
                _ => known,
            };
            return Ok((term, Kind::Flag));
        }
        if left_kind != right_kind || matches!(left_kind, Kind::List | Kind::Null) {
            let text = format!("{left_kind} cannot be compared with {right_kind}");
            return Err(self.mistake(at, "WRONG_TYPE", text));
        }
        let term = Term::Compare(how, Box::new(left), Box::new(right));
        Ok((term, Kind::Flag))
    }

    fn compute(&self, at: &IdedExpr, name: &str, one: &IdedExpr, other: &IdedExpr) -> Compiled {
        let what = operator(name).unwrap_or(Operator::Add);
        let ((left, left_kind), (right, right_kind)) = (self.compile(one)?, self.compile(other)?);
        let kind = match (left_kind, what, right_kind) {
            (Kind::Number, _, Kind::Number) => Kind::Number,
            (Kind::Text, Operator::Add, Kind::Text) => Kind::Text,
            (Kind::Time, Operator::Add | Operator::Subtract, Kind::Span)
            | (Kind::Span, Operator::Add, Kind::Time) => Kind::Time,
            (Kind::Time, Operator::Subtract, Kind::Time)
            | (Kind::Span, Operator::Add | Operator::Subtract, Kind::Span) => Kind::Span,
            _ => {
                let text = format!("this cannot be computed of {left_kind} and {right_kind}");
                return Err(self.mistake(at, "WRONG_TYPE", text));
            }
        };
        let term = Term::Compute(what, Box::new(left), Box::new(right));
        Ok((term, kind))
    }

    fn function(&self, at: &IdedExpr, call: &CallExpr) -> Compiled {
        let target = call.target.as_deref();
        let in_math = target.is_some_and(|it| it.expr == Expr::Ident("math".to_owned()));
        let operands: Vec<&IdedExpr> = match in_math {
            true => call.args.iter().collect(),
            false => target.into_iter().chain(&call.args).collect(),
        };
        let flag = |term| Ok((term, Kind::Flag));
        match (call.func_name.as_str(), operands.as_slice()) {
            ("size", [one]) => match self.compile(one)? {
                (term, Kind::Text | Kind::List) => Ok((Term::Size(Box::new(term)), Kind::Number)),
                (_, kind) => {
                    let text = format!("a text or a list is expected here, this is {kind}");
                    Err(self.mistake(one, "WRONG_TYPE", text))
                }
            },
            ("contains", [one, other]) => flag(self.text_test(TextTest::Contains, one, other)?),
            ("startsWith", [one, other]) => {
                flag(self.text_test(TextTest::StartsWith, one, other)?)
            }
            ("endsWith", [one, other]) => flag(self.text_test(TextTest::EndsWith, one, other)?),
            ("matches", [one, other]) => {
                let term = self.of_kind(one, Kind::Text)?;
                let text = self.constant_text(other)?;
                let regex = bounded_regex(&text)
                    .map_err(|(reason, problem)| self.mistake(other, reason, problem))?;
                flag(Term::Matches(Box::new(term), Pattern(regex)))
            }
            ("lowerAscii", [one]) => {
                let term = self.of_kind(one, Kind::Text)?;
                Ok((Term::Lower(Box::new(term)), Kind::Text))
            }
            ("abs", [one]) if in_math => {
                let term = self.of_kind(one, Kind::Number)?;
                Ok((Term::Absolute(Box::new(term)), Kind::Number))
            }
            (name @ ("least" | "greatest"), all) if in_math && !all.is_empty() => {
                let terms = all.iter().map(|one| self.of_kind(one, Kind::Number));
                let which = match name {
                    "least" => Ordering::Less,
                    _ => Ordering::Greater,
                };
                Ok((
                    Term::Extreme(which, terms.collect::<Result<_, _>>()?),
                    Kind::Number,
                ))
            }
            ("timestamp", [one]) => {
                let text = self.constant_text(one)?;
                let time = read_iso(&text, self.compiler.zone).ok_or_else(|| {
                    self.mistake(one, "INVALID_TIME", "a time of ISO 8601 is expected")
                })?;
                Ok((Term::Constant(Value::Time(time)), Kind::Time))
            }
            ("duration", [one]) => {
                let text = self.constant_text(one)?;
                let span = duration(&text).ok_or_else(|| {
                    let text = "a length of time such as `90s` or `1h30m` is expected";
                    self.mistake(one, "INVALID_TIME", text)
                })?;
                Ok((Term::Constant(Value::Span(span)), Kind::Span))
            }
            (name, [one]) if time_part(name).is_some() => {
                let part = time_part(name).unwrap_or(TimePart::Year);
                let term = self.of_kind(one, Kind::Time)?;
                let term = Term::Part(part, self.compiler.zone, Box::new(term));
                Ok((term, Kind::Number))
            }
            (name, _) => {
                let text = format!("there is no function `{name}` that could be called so");
                Err(self.mistake(at, "UNKNOWN_FUNCTION", text))
            }
        }
    }

    fn text_test(&self, test: TextTest, one: &IdedExpr, other: &IdedExpr) -> Result<Term, Mistake> {
        let one = Box::new(self.of_kind(one, Kind::Text)?);
        let other = Box::new(self.of_kind(other, Kind::Text)?);
        Ok(Term::Text(test, one, other))
    }

    fn constant_text(&self, at: &IdedExpr) -> Result<String, Mistake> {
        match &at.expr {
            Expr::Literal(LiteralValue::String(text)) => Ok(text.inner().to_owned()),
            _ => Err(self.mistake(at, "WRONG_TYPE", "a constant text is expected here")),
        }
    }
}
