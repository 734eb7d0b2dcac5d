//! Reads a taxonomy and lists every mistake in it.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::negation::Negation;
use super::node::{Mistakes, Node};
use super::search::Search;
use super::{Example, Mistake, Tag, Taxonomy};
use crate::fold::{Case, Folded};

/// Most bytes of a taxonomy.
pub const YAML_BYTES_MAX: usize = 256 * 1024;
/// Most tags.
pub const TAGS_MAX: usize = 1000;
/// Most bytes of a tag's path, and most levels.
pub const TAG_BYTES_MAX: usize = 128;
const LEVELS_MAX: usize = 5;
/// Most phrases of all tags, and most characters of one.
pub const PHRASES_MAX: usize = 20_000;
const PHRASE_CHARACTERS_MAX: usize = 64;
/// Most patterns of all tags, and most bytes of one.
pub const PATTERNS_MAX: usize = 1000;
/// Most bytes of a pattern.
pub const PATTERN_BYTES_MAX: usize = 300;
/// Most bytes of memory of one compiled pattern.
const PATTERN_MEMORY_MAX: usize = 256 * 1024;
/// Most examples, and most bytes of one.
pub const EXAMPLES_MAX: usize = 5000;
const EXAMPLE_BYTES_MAX: usize = 2048;

const TOP_KEYS: &[&str] = &["name", "description", "negation", "tags", "examples"];
const TAG_KEYS: &[&str] = &[
    "tag",
    "name",
    "description",
    "synonyms",
    "patterns",
    "negated",
    "examples",
];

/// Reads a taxonomy from YAML. Fails with every mistake, each with its path.
pub fn parse(yaml: &str) -> Result<Taxonomy, Vec<Mistake>> {
    let whole = |reason, text: String| {
        vec![Mistake {
            path: String::new(),
            reason,
            text,
        }]
    };
    if yaml.len() > YAML_BYTES_MAX {
        let text = format!("a taxonomy has at most {YAML_BYTES_MAX} bytes");
        return Err(whole("TOO_LARGE", text));
    }
    // A synonym may be `no` or `off`.
    let options = serde_saphyr::options! { strict_booleans: true };
    let document: Value = serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
        let text = error.to_string();
        let first = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        whole("INVALID_YAML", format!("not YAML: {first}"))
    })?;
    let mistakes = Mistakes::default();
    let root = Node::root(&document, &mistakes);
    let taxonomy = Reader::default().read(&root);
    if taxonomy.is_none() && root.is_mapping() {
        root.wrong("TOO_LARGE", "phrases and patterns are too large together");
    }
    let found = mistakes.into_vec();
    match taxonomy {
        Some(taxonomy) if found.is_empty() => Ok(taxonomy),
        _ => Err(found),
    }
}

#[derive(Default)]
struct Reader {
    tags: Vec<Tag>,
    phrases: Vec<(String, usize)>,
    patterns: Vec<(Regex, usize)>,
    examples: Vec<Example>,
}

impl Reader {
    fn read(mut self, root: &Node<'_>) -> Option<Taxonomy> {
        if !root.only(TOP_KEYS) {
            return None;
        }
        let mut denials = Vec::new();
        for node in root.get("negation").map(|it| it.list()).unwrap_or_default() {
            denials.extend(self.phrase(&node));
        }
        let nodes = root.need("tags").map(|it| it.list()).unwrap_or_default();
        if nodes.len() > TAGS_MAX {
            root.wrong(
                "TOO_MANY",
                format!("a taxonomy has at most {TAGS_MAX} tags"),
            );
        }
        let nodes: Vec<Node<'_>> = nodes.into_iter().take(TAGS_MAX).collect();
        if nodes.is_empty() {
            root.wrong("MISSING", "at least one tag is required");
        }
        let paths = self.paths(&nodes);
        for (index, node) in nodes.iter().enumerate() {
            self.tag(index, node, &paths);
        }
        for node in root.get("examples").map(|it| it.list()).unwrap_or_default() {
            self.example(&node, None, &paths);
        }
        for (count, most, what) in [
            (self.phrases.len(), PHRASES_MAX, "phrases"),
            (self.patterns.len(), PATTERNS_MAX, "patterns"),
            (self.examples.len(), EXAMPLES_MAX, "examples"),
        ] {
            if count > most {
                root.wrong("TOO_MANY", format!("a taxonomy has at most {most} {what}"));
                return None;
            }
        }
        Some(Taxonomy {
            negation: Negation::new(&denials)?,
            search: Search::new(&self.phrases, self.patterns)?,
            tags: self.tags,
            examples: self.examples,
        })
    }

    /// Reads the tags' paths, so that one can name another that follows it.
    fn paths(&mut self, nodes: &[Node<'_>]) -> BTreeMap<String, usize> {
        let mut paths = BTreeMap::new();
        for (index, node) in nodes.iter().enumerate() {
            let path_node = match node.only(TAG_KEYS) {
                true => node.need("tag"),
                false => None,
            };
            let path = path_node
                .as_ref()
                .and_then(|it| it.text())
                .unwrap_or_default();
            if let Some(path_node) = path_node.filter(|_| !path.is_empty()) {
                if !is_tag(&path) {
                    let text = format!(
                        "a tag is at most {LEVELS_MAX} levels of small letters, digits, `-` and `_`, separated by `/`, \
                        in at most {TAG_BYTES_MAX} bytes"
                    );
                    path_node.wrong("INVALID_TAG", text);
                }
                if *paths.entry(path.clone()).or_insert(index) != index {
                    path_node.wrong("DUPLICATE", format!("the tag `{path}` is there twice"));
                }
            }
            self.tags.push(Tag {
                path,
                name: String::new(),
                negated: None,
            });
        }
        paths
    }

    fn tag(&mut self, index: usize, node: &Node<'_>, paths: &BTreeMap<String, usize>) {
        if !node.is_mapping() {
            return;
        }
        let name = node.get("name").and_then(|it| it.text());
        self.tags[index].name = name.unwrap_or_default();
        let synonyms = node.get("synonyms").map(|it| it.list()).unwrap_or_default();
        for synonym in &synonyms {
            if let Some(phrase) = self.phrase(synonym) {
                self.phrases.push((phrase, index));
            }
        }
        let patterns = node.get("patterns").map(|it| it.list()).unwrap_or_default();
        for one in &patterns {
            if let Some(regex) = pattern(one) {
                self.patterns.push((regex, index));
            }
        }
        if let Some(other) = node.get("negated") {
            let path = other.text().unwrap_or_default();
            match paths.get(&path) {
                Some(tag) if *tag != index => self.tags[index].negated = Some(*tag),
                Some(_) => other.wrong("SAME_TAG", "a negated phrase cannot mean the same tag"),
                None => other.wrong("UNKNOWN_TAG", format!("there is no tag `{path}`")),
            }
        }
        let path = self.tags[index].path.clone();
        for example in node.get("examples").map(|it| it.list()).unwrap_or_default() {
            self.example(&example, Some(&path), paths);
        }
    }

    /// Reads a phrase and folds it as texts are folded.
    fn phrase(&mut self, node: &Node<'_>) -> Option<String> {
        let text = node.text()?;
        let folded = Folded::new(text.trim(), Case::Lower).as_str().to_owned();
        if folded.chars().count() > PHRASE_CHARACTERS_MAX {
            let text = format!("a phrase has at most {PHRASE_CHARACTERS_MAX} characters");
            node.wrong("TOO_LONG", text);
            return None;
        }
        Some(folded)
    }

    /// Reads an example: a text alone, which is to get the tag that it stands under, or a text with its tags.
    fn example(&mut self, node: &Node<'_>, own: Option<&str>, paths: &BTreeMap<String, usize>) {
        let (text, tags) = if node.is_mapping() {
            node.only(&["text", "tags"]);
            (node.need("text"), node.get("tags"))
        } else {
            (Some(node.clone()), None)
        };
        let Some(text) = text.as_ref().and_then(|it| it.text()) else {
            return;
        };
        if text.len() > EXAMPLE_BYTES_MAX {
            node.wrong(
                "TOO_LONG",
                format!("an example has at most {EXAMPLE_BYTES_MAX} bytes"),
            );
        }
        let mut expected = Vec::new();
        match (tags, own) {
            (Some(tags), _) => {
                for tag in tags.list() {
                    let path = tag.text().unwrap_or_default();
                    if !paths.contains_key(&path) {
                        tag.wrong("UNKNOWN_TAG", format!("there is no tag `{path}`"));
                    }
                    expected.push(path);
                }
            }
            (None, Some(own)) => expected.push(own.to_owned()),
            (None, None) => node.wrong("MISSING", "an example here needs its `tags`"),
        }
        expected.sort();
        expected.dedup();
        self.examples.push(Example {
            text,
            tags: expected,
        });
    }
}

/// Reads a pattern.
fn pattern(node: &Node<'_>) -> Option<Regex> {
    let text = node.text()?;
    if text.len() > PATTERN_BYTES_MAX {
        node.wrong(
            "TOO_LONG",
            format!("a pattern has at most {PATTERN_BYTES_MAX} bytes"),
        );
        return None;
    }
    // Folding a pattern could change its meaning: a wide bracket would become an operator.
    if text.nfkc().ne(text.chars()) {
        node.wrong(
            "NOT_FOLDED",
            "texts are searched in half width and compatibility form (NFKC): write the pattern so too",
        );
        return None;
    }
    let built = RegexBuilder::new(&text)
        .case_insensitive(true)
        .nest_limit(24)
        .size_limit(PATTERN_MEMORY_MAX)
        .build();
    match built {
        Err(regex::Error::CompiledTooBig(_)) => {
            node.wrong("TOO_LARGE", "the pattern is too large when it is expanded");
            None
        }
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            node.wrong(
                "INVALID_PATTERN",
                last.trim_start_matches("error: ").to_owned(),
            );
            None
        }
        Ok(regex) if regex.is_match("") => {
            node.wrong(
                "MATCHES_NOTHING",
                "the pattern fits an empty text, so it fits everywhere",
            );
            None
        }
        Ok(regex) => Some(regex),
    }
}

/// Returns whether a text is the path of a tag.
fn is_tag(path: &str) -> bool {
    let plain = |c: char| {
        matches!(c, '-' | '_') || (c.is_alphanumeric() && c.to_lowercase().eq(std::iter::once(c)))
    };
    let level = |level: &str| !level.is_empty() && level.chars().all(plain);
    path.len() <= TAG_BYTES_MAX
        && path.split('/').count() <= LEVELS_MAX
        && path.split('/').all(level)
        && path.nfkc().eq(path.chars())
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
