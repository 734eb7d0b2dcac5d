//! Says each reason of an allocation once, with the cells that share it.

use crate::money;
use api::campaign::AllocatedCell;

/// A reason that several cells share.
struct Group {
    /// Text before and after the marginal return.
    parts: (String, String),
    /// Least and greatest marginal return of its cells.
    returns: (f64, f64),
    /// Cells that have it.
    cells: usize,
}

/// The distinct reasons of an allocation, in the order in which they were met.
pub(crate) struct Reasons(Vec<Group>);

impl Reasons {
    /// Groups the reasons of cells.
    pub(crate) fn of<'a>(cells: impl Iterator<Item = &'a AllocatedCell>) -> Self {
        let mut reasons = Self(Vec::new());
        for cell in cells {
            let (parts, marginal) = (parts(cell), cell.marginal_return);
            match reasons.0.iter_mut().find(|it| it.parts == parts) {
                Some(group) => {
                    group.returns = (group.returns.0.min(marginal), group.returns.1.max(marginal));
                    group.cells += 1;
                }
                None => reasons.0.push(Group {
                    parts,
                    returns: (marginal, marginal),
                    cells: 1,
                }),
            }
        }
        reasons
    }

    /// Returns the number of a cell's reason, from 1.
    pub(crate) fn number(&self, cell: &AllocatedCell) -> usize {
        let parts = parts(cell);
        1 + self.0.iter().take_while(|it| it.parts != parts).count()
    }

    /// Returns the reasons with their numbers, a line each.
    pub(crate) fn legend(&self) -> String {
        let line = |(index, group): (usize, &Group)| {
            let (before, after) = &group.parts;
            let cells = match group.cells {
                1 => "1 cell".to_owned(),
                many => format!("{} cells", money::group(many as u64)),
            };
            let text = match after.is_empty() {
                true => before.clone(),
                false => format!("{before}{}{after}", range(group.returns)),
            };
            format!("  ({}) {cells}. {text}\n", index + 1)
        };
        self.0.iter().enumerate().map(line).collect()
    }
}

/// Returns a reason without what the table says already: the cell's names and its marginal return.
fn parts(cell: &AllocatedCell) -> (String, String) {
    let own = format!(
        " on {} for {} returns {:.3}",
        cell.channel, cell.segment, cell.marginal_return
    );
    match cell.reason.split_once(&own) {
        Some((before, after)) => (format!("{before} returns "), after.to_owned()),
        None => (cell.reason.clone(), String::new()),
    }
}

fn range((least, greatest): (f64, f64)) -> String {
    let (least, greatest) = (format!("{least:.3}"), format!("{greatest:.3}"));
    match least == greatest {
        true => least,
        false => format!("{least} to {greatest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(segment: &str, marginal_return: f64, rest: &str) -> AllocatedCell {
        AllocatedCell {
            segment: segment.into(),
            channel: "sms".into(),
            marginal_return,
            reason: format!(
                "Held: the next unit on sms for {segment} returns {marginal_return:.3}, {rest}."
            ),
            ..Default::default()
        }
    }

    #[test]
    fn cells_of_one_reason_share_a_line() {
        let cells = [
            cell("a", 1.25, "held"),
            cell("b", 1.5, "held"),
            cell("c", 0.5, "idle"),
        ];

        let reasons = Reasons::of(cells.iter());

        assert_eq!(cells.each_ref().map(|it| reasons.number(it)), [1, 1, 2]);
        assert_eq!(
            reasons.legend(),
            "  (1) 2 cells. Held: the next unit returns 1.250 to 1.500, held.\n  (2) 1 cell. Held: the next unit returns 0.500, idle.\n"
        );
    }

    #[test]
    fn a_reason_of_other_words_is_told_as_it_is() {
        let odd = AllocatedCell {
            reason: "Because.".into(),
            ..Default::default()
        };

        assert_eq!(
            Reasons::of([&odd].into_iter()).legend(),
            "  (1) 1 cell. Because.\n"
        );
    }
}
