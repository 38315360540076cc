//! The report as the XML of `JUnit`, which most services that run checks can show.

use std::fmt::Write as _;
use std::time::Duration;

use crate::bench::Subject;
use crate::run::{Outcome, Status};

/// The whole report.
#[must_use]
pub fn junit(subject: &Subject, outcomes: &[Outcome], took: Duration) -> String {
    let count = |is: fn(&Status) -> bool| outcomes.iter().filter(|outcome| is(&outcome.status)).count();
    let failures = count(|status| matches!(status, Status::Fail(_)));
    let skipped = count(|status| matches!(status, Status::NotReached | Status::NotChecked(_)));
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" \
         skipped=\"{skipped}\" time=\"{:.3}\">\n",
        escaped(subject.exercise.name),
        outcomes.len(),
        took.as_secs_f64()
    );
    for outcome in outcomes {
        let check = outcome.check;
        let class = format!("{}.{}", subject.exercise.name, subject.exercise.level_name(check.level));
        // A String takes everything.
        let _ = write!(
            text,
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
            escaped(&class),
            escaped(check.id),
            outcome.took.as_secs_f64()
        );
        let _ = match &outcome.status {
            Status::Pass(_) => writeln!(text, "/>"),
            Status::NotReached => {
                writeln!(text, "><skipped message=\"an earlier level failed\"/></testcase>")
            }
            Status::NotChecked(missing) => {
                writeln!(text, "><skipped message=\"{}\"/></testcase>", escaped(&missing.to_string()))
            }
            Status::Fail(failure) => writeln!(
                text,
                "><failure message=\"{}\">{}</failure></testcase>",
                escaped(&failure.fault.sentence),
                escaped(&failure.calls.as_deref().unwrap_or_default().join("\n"))
            ),
        };
    }
    text + "</testsuite>\n"
}

/// For text and attributes alike; what XML cannot hold at all is replaced.
fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => made.push_str("&amp;"),
            '<' => made.push_str("&lt;"),
            '>' => made.push_str("&gt;"),
            '"' => made.push_str("&quot;"),
            '\n' => made.push_str("&#10;"),
            '\t' => made.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => made.push('\u{fffd}'),
            c => made.push(c),
        }
    }
    made
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(super::escaped("a<b> & \"c\"\n\u{1}"), "a&lt;b&gt; &amp; &quot;c&quot;&#10;\u{fffd}");
    }
}
