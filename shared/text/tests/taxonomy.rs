//! The taxonomy that stands among the project's tests does what its examples say.

use text::Taxonomy;

#[test]
fn the_example_taxonomy_passes_its_examples() {
    let taxonomy = Taxonomy::parse(include_str!("../../../tests/taxonomies/service.yaml"));
    let taxonomy = taxonomy.expect("no mistakes");
    assert!(taxonomy.tags().len() > 10 && taxonomy.examples().len() > 30);
    let failures = taxonomy.failures();
    for (example, found) in &failures {
        println!(
            "{}: should get {:?}, gets {found:?}",
            example.text, example.tags
        );
    }
    assert!(failures.is_empty(), "{} examples fail", failures.len());
}
