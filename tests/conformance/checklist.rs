//! Whether every rule has a test.

use std::{collections::BTreeSet, fs, path::Path};

const CHECKLIST: &str = include_str!("checklist.txt");

/// The rules, with the reason of each that has no test.
fn rules() -> Vec<(String, Option<&'static str>)> {
    let lines = CHECKLIST
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_once(": ") {
            Some((rule, reason)) => (rule.to_owned(), Some(reason)),
            None => (line.to_owned(), None),
        })
        .collect()
}

/// The rules that a test of this name checks: `cat_30_31_and_cf_06_…` checks CAT-30, CAT-31 and
/// CF-6.
fn rules_of(test: &str) -> Vec<String> {
    let (mut group, mut rules) = (String::new(), Vec::new());
    for word in test.split('_') {
        match word.parse::<u32>() {
            Ok(number) if word.len() == 2 && !group.is_empty() => {
                rules.push(format!("{group}-{number}"))
            }
            _ if word == "and" => {}
            _ if rules.is_empty() || CHECKLIST.contains(&format!("\n{}-", word.to_uppercase())) => {
                group = word.to_uppercase();
            }
            _ => break,
        }
    }
    rules
}

/// The names of the tests in this folder.
fn tests() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let files = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path());
    let mut names = Vec::new();
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(file).expect("a source file");
        let mut is_test = false;
        for line in text.lines() {
            let line = line.trim();
            let function = line
                .trim_start_matches("async ")
                .strip_prefix("fn ")
                .and_then(|rest| rest.split_once('('));
            match function {
                Some((name, _)) if is_test => names.push(name.to_owned()),
                _ => {}
            }
            is_test = line.starts_with("#[test]")
                || line.starts_with("#[tokio::test")
                || (is_test && function.is_none());
        }
    }
    names
}

#[test]
fn every_rule_has_a_test_or_a_reason() {
    let tested: BTreeSet<_> = tests().iter().flat_map(|test| rules_of(test)).collect();
    let without: Vec<_> = rules()
        .into_iter()
        .filter(|(rule, why)| why.is_none() && !tested.contains(rule))
        .collect();
    assert!(without.is_empty(), "no test and no reason: {without:?}");
    let both: Vec<_> = rules()
        .into_iter()
        .filter(|(rule, why)| why.is_some() && tested.contains(rule))
        .collect();
    assert!(
        both.is_empty(),
        "a test, and a reason why there is none: {both:?}"
    );
}

#[test]
fn every_test_names_existing_rules() {
    let rules: BTreeSet<_> = rules().into_iter().map(|(rule, _)| rule).collect();
    for test in tests() {
        for rule in rules_of(&test) {
            assert!(rules.contains(&rule), "{test}: there is no {rule}");
        }
    }
}

#[test]
fn rules_are_read_from_test_names() {
    assert_eq!(rules_of("prv_09_a_resent_put"), ["PRV-9"]);
    assert_eq!(
        rules_of("cat_30_31_and_cf_06_schemas_of_12_kinds"),
        ["CAT-30", "CAT-31", "CF-6"]
    );
    assert_eq!(rules_of("bnd_07_and_13_it_answers"), ["BND-7", "BND-13"]);
    assert!(rules_of("every_rule_has_a_test").is_empty());
}
