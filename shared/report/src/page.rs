//! A page: sections of words, figures, tables and charts, and how it becomes HTML.

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, context};

use crate::{Svg, escape};

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Title, also of the window.
    pub title: String,
    /// Line below the title.
    pub subtitle: String,
    /// Parts from top to bottom.
    pub sections: Vec<Section>,
    /// Line at the end, for example how old the figures are.
    pub footer: String,
}

/// A part of a page under its own heading.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Heading; empty for none.
    pub heading: String,
    /// What it holds.
    pub blocks: Vec<Block>,
}

/// How good or bad something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Says nothing about it.
    #[default]
    Plain,
    /// Good.
    Good,
    /// Look at it.
    Warn,
    /// Bad.
    Bad,
}

/// Something in a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A paragraph that stands out.
    Note(Tone, String),
    /// Figures side by side.
    Facts(Vec<Fact>),
    /// A table.
    Table(Table),
    /// A large chart and what to read in it.
    Chart(Svg, String),
    /// Shares as a table of colours.
    Heat(Heat),
    /// A formula or another text whose letters should stand in line.
    Code(String),
}

/// A figure with its name.
#[derive(Clone, Debug, Default)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// The figure.
    pub value: String,
    /// A word on it; empty for none.
    pub detail: String,
    /// How good it is.
    pub tone: Tone,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, a cell per column.
    pub rows: Vec<Vec<Cell>>,
    /// Said where there are no rows.
    pub empty: String,
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A text, to the left.
    Text(String),
    /// Several short texts, one below the other.
    Lines(Vec<String>),
    /// A number, to the right.
    Number(String),
    /// A share from 0 to 1 as a bar with its text; no bar where there is none.
    Bar(Option<f64>, String, Tone),
    /// A small drawing.
    Drawing(Svg),
    /// A word with its tone.
    Tag(Tone, String),
}

/// Shares by row and column.
#[derive(Clone, Debug, Default)]
pub struct Heat {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows: name and shares from 0 (bad) to 1 (good), `None` where there is nothing to tell.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
    /// What to read in it.
    pub caption: String,
}

const STYLE: &str = include_str!("page.css");
const TEMPLATE: &str = include_str!("page.html");

impl Page {
    /// Renders the page: one HTML text that needs nothing else.
    pub fn render(&self) -> String {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        // Our own escaping, which also shows what would deceive a reader.
        environment.set_formatter(|out, state, value| match value.as_str() {
            Some(text) if !value.is_safe() => Ok(std::fmt::Write::write_str(out, &escape(text))?),
            _ => minijinja::escape_formatter(out, state, value),
        });
        let sections: Vec<Value> = self.sections.iter().map(section).collect();
        let page = context! {
            style => Value::from_safe_string(STYLE.to_owned()),
            title => &self.title,
            subtitle => &self.subtitle,
            sections => sections,
            footer => &self.footer,
        };
        environment
            .render_str(TEMPLATE, page)
            .expect("the template fits the page")
    }
}

fn section(section: &Section) -> Value {
    let blocks: Vec<Value> = section.blocks.iter().map(block).collect();
    context! { heading => &section.heading, blocks => blocks }
}

fn block(block: &Block) -> Value {
    match block {
        Block::Text(text) => context! { kind => "text", text => text },
        Block::Note(tone, text) => context! { kind => "note", tone => class(*tone), text => text },
        Block::Code(text) => context! { kind => "code", text => text },
        Block::Chart(svg, caption) => {
            context! { kind => "chart", svg => drawing(svg), caption => caption }
        }
        Block::Facts(facts) => {
            let fact = |it: &Fact| {
                context! {
                    name => &it.name, value => &it.value, detail => &it.detail, tone => class(it.tone),
                }
            };
            let facts: Vec<Value> = facts.iter().map(fact).collect();
            context! { kind => "facts", facts => facts }
        }
        Block::Table(table) => {
            let number = |index: usize| {
                let cell = table.rows.first().and_then(|row| row.get(index));
                matches!(cell, Some(Cell::Number(_)))
            };
            let columns: Vec<Value> = table
                .columns
                .iter()
                .enumerate()
                .map(|(index, name)| context! { name => name, number => number(index) })
                .collect();
            let row = |row: &Vec<Cell>| row.iter().map(cell).collect::<Vec<_>>();
            let rows: Vec<Vec<Value>> = table.rows.iter().map(row).collect();
            context! { kind => "table", columns => columns, rows => rows, empty => &table.empty }
        }
        Block::Heat(heat) => {
            let row = |(name, shares): &(String, Vec<Option<f64>>)| {
                let cells: Vec<Value> = shares.iter().map(|share| heat_cell(*share)).collect();
                context! { name => name, cells => cells }
            };
            let rows: Vec<Value> = heat.rows.iter().map(row).collect();
            context! { kind => "heat", columns => &heat.columns, rows => rows, caption => &heat.caption }
        }
    }
}

fn cell(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) => context! { kind => "text", text => text },
        Cell::Lines(lines) => context! { kind => "lines", lines => lines },
        Cell::Number(text) => context! { kind => "number", text => text },
        Cell::Drawing(svg) => context! { kind => "drawing", svg => drawing(svg) },
        Cell::Tag(tone, text) => context! { kind => "tag", tone => class(*tone), text => text },
        Cell::Bar(share, text, tone) => {
            let share = share.filter(|it| it.is_finite());
            let width = share.map(|it| format!("{:.1}", it.clamp(0.0, 1.0) * 100.0));
            context! { kind => "bar", width => width, text => text, tone => class(*tone) }
        }
    }
}

/// Returns the cell of a share: one of six colours, and the share in words.
fn heat_cell(share: Option<f64>) -> Value {
    match share.filter(|it| it.is_finite()) {
        None => context! { class => "none", text => "-", title => "nothing to tell" },
        Some(share) => {
            let steps = [0.5, 0.8, 0.9, 0.97, 0.995];
            let step = steps.iter().filter(|bound| share >= **bound).count();
            let text = format!("{:.0}", (share * 100.0).floor());
            context! { class => format!("h{step}"), text => text, title => crate::format::percent(share) }
        }
    }
}

fn drawing(svg: &Svg) -> Value {
    Value::from_safe_string(svg.0.clone())
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    }
}
