//! The known-good programs pass everything, in whatever language and shape.

mod support;

use support::{Subject, can_judge, each, judge};

#[test]
fn a_good_program_passes_everything() {
    if !can_judge("a_good_program_passes_everything") {
        return;
    }
    let subjects: Vec<(Subject, String)> = Subject::all("good")
        .into_iter()
        .flat_map(|subject| {
            let claims = subject.claims.clone();
            claims.into_iter().map(move |(exercise, _)| (subject.clone(), exercise))
        })
        .collect();
    let complaints = each(&subjects, |(subject, exercise)| match judge(exercise, subject, &["--all"]) {
        Some(report) if report.code != Some(0) || !report.with("fail").is_empty() => {
            Err(format!("{} is good, and {exercise} finds:\n{}", subject.name(), report.text))
        }
        _ => Ok(()),
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}
