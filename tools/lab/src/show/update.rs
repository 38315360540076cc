//! Rewrites the blocks of a page from a real run. What agrees stays byte for byte what it is.

use crate::book::block::{Block, Console, Input, Kind};
use crate::book::page::Page;
use crate::replay::compare::Row;
use crate::replay::renaming::Renaming;
use crate::replay::{Outcome, Played, Run};

/// The new lines of the blocks that do not show what came, by their index; values that the page already knows keep
/// the names that it gave them.
#[must_use]
pub fn replayed(page: &Page, run: &mut Run) -> Vec<(usize, Vec<String>)> {
    let mut changed = Vec::new();
    for (index, (block, outcome)) in page.blocks.iter().zip(&run.outcomes).enumerate() {
        if let Outcome::Played(played) = outcome
            && played.is_rewritten()
        {
            changed.push((index, lines(block, played, &mut run.renaming)));
        }
    }
    changed
}

fn lines(block: &Block, played: &Played, renaming: &mut Renaming) -> Vec<String> {
    let inputs: &[_] = match &block.kind {
        Kind::Console(Console { steps, .. }) => steps,
        _ => &[],
    };
    let mut lines = Vec::new();
    for (nth, step) in played.steps.iter().enumerate() {
        if let Some(Input::Command(command)) = inputs.get(nth).map(|step| &step.input) {
            lines.push(format!("$ {command}"));
        }
        for row in &step.rows {
            match row {
                Row::Same(line) => lines.extend(block.lines.get(*line).cloned()),
                Row::Gone(_) => {}
                Row::New(line) => {
                    if let Some(came) = step.came.get(*line) {
                        let text = renaming.adopt(&came.text);
                        let text =
                            if matches!(block.kind, Kind::Frame(..)) { with_own_port(&text) } else { text };
                        lines.push(text.trim_end().to_owned());
                    }
                }
            }
        }
    }
    // A block that got stuck keeps the steps that were not played.
    let played_to = played.steps.last().map_or(0, |step| step.expected.end);
    if played.steps.len() < inputs.len() {
        lines.extend(block.lines.iter().skip(played_to).cloned());
    }
    lines
}

/// A field of a frame with the bytes of the port that it names: the number may have been renamed.
fn with_own_port(field: &str) -> String {
    let trimmed = field.trim_start();
    let (Some((hex, meaning)), Some((_, port))) = (trimmed.split_once("  "), field.rsplit_once(" port "))
    else {
        return field.to_owned();
    };
    match (meaning.trim_start().split(' ').next(), port.parse::<u16>()) {
        (Some("source" | "destination"), Ok(port)) => {
            let [high, low] = port.to_be_bytes();
            field.replacen(hex, &format!("{high:02x} {low:02x}"), 1)
        }
        _ => field.to_owned(),
    }
}

/// The text of the page with the bodies of some blocks, given by index in ascending order, replaced. New lines end as
/// the block's fence does: in CR LF where the page was checked out so.
#[must_use]
pub fn rewrite(page: &Page, bodies: &[(usize, Vec<String>)]) -> String {
    let mut lines: Vec<String> = page.source.split_inclusive('\n').map(str::to_owned).collect();
    for (index, body) in bodies.iter().rev() {
        let Some(block) = page.blocks.get(*index) else {
            continue;
        };
        let indent = " ".repeat(block.indent);
        let fence = lines.get(block.line - 1).map_or("", String::as_str);
        let end = if fence.ends_with("\r\n") { "\r\n" } else { "\n" };
        let body = body.iter().map(|line| match line.as_str() {
            "" => end.to_owned(),
            line => format!("{indent}{line}{end}"),
        });
        lines.splice(block.line..block.line + block.lines.len(), body);
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_renamed_is_renamed_in_bytes_as_well() {
        assert_eq!(with_own_port("  c7 38   source port 40000"), "  9c 40   source port 40000");
        assert_eq!(with_own_port("  c7 38   checksum"), "  c7 38   checksum");
    }

    #[test]
    fn only_the_bodies_change() {
        let source = "a\n\n- b\n\n  ```text packets\n  x\n  ```\n\n```rust from=f\ny\nz\n```\nend";
        let page = Page::parse(std::path::Path::new("p.md"), source.to_owned());
        let bodies = [(0, vec!["1".to_owned(), String::new(), " 2".to_owned()]), (1, vec![])];
        assert_eq!(
            rewrite(&page, &bodies),
            "a\n\n- b\n\n  ```text packets\n  1\n\n   2\n  ```\n\n```rust from=f\n```\nend"
        );
        assert_eq!(rewrite(&page, &[]), source);
    }

    #[test]
    fn lines_end_as_the_page_has_them() {
        let source = "a\r\n\r\n```text packets\r\nx\r\n```\r\nend\r\n";
        let page = Page::parse(std::path::Path::new("p.md"), source.to_owned());
        let bodies = [(0, vec!["1".to_owned(), String::new()])];
        assert_eq!(rewrite(&page, &bodies), "a\r\n\r\n```text packets\r\n1\r\n\r\n```\r\nend\r\n");
    }
}
