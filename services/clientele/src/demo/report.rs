//! The demo's answers for people.

use super::document::Answers;
use crate::commands::{allocate, ingest, model, segment};
use crate::money;
use api::ingestion::ImportFileResponse;

/// Writes the whole report.
pub(crate) fn write(answers: &Answers, imports: &[ImportFileResponse], currency: &str) -> String {
    let mut text = String::new();
    section(&mut text, "1. Data taken in: every row has a receipt");
    for imported in imports {
        text += &ingest::describe(imported);
        text.push('\n');
    }
    text += &format!(
        "{} customers have a profile.\n",
        money::group(answers.customers.max(0) as u64)
    );

    section(&mut text, "2. Customer lifetime value: the model");
    text += &model::describe(&answers.model);

    section(&mut text, "3. Segments");
    text += &segment::table(&answers.segments.segments);
    text.push('\n');
    for it in &answers.segments.segments {
        if let Some(summary) = it.summary.as_ref().filter(|it| it.customers > 0) {
            text += &format!("  {}: {}\n", it.display_name, summary.text);
        }
    }

    section(&mut text, "4. Budget: where the next unit earns most");
    text += &allocate::describe(
        &answers.allocation,
        currency,
        &segment::names(&answers.segments.segments),
    );

    section(&mut text, "5. Time");
    let stages = answers.elapsed.stages();
    let told: Vec<String> = stages
        .iter()
        .map(|(name, time)| format!("{name} {:.1} s", time.as_secs_f64()))
        .collect();
    text += &format!(
        "{}; {:.1} s in all\n",
        told.join(", "),
        answers.elapsed.total().as_secs_f64()
    );
    text
}

fn section(text: &mut String, title: &str) {
    text.push_str(&format!("\n{title}\n{}\n", "=".repeat(title.len())));
}
