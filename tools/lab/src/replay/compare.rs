//! Compares the lines of a page with the lines of a run: equal are lines that one renaming makes equal.

use similar::{Algorithm, DiffOp};

use super::renaming::Renaming;

/// One line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// The page's line of this index came.
    Same(usize),
    /// The page's line of this index did not come.
    Gone(usize),
    /// The run's line of this index is not on the page.
    New(usize),
}

/// Compares lines of a page with lines of a run and binds the values of those that are equal.
pub fn rows<P: AsRef<str>, R: AsRef<str>>(page: &[P], run: &[R], renaming: &mut Renaming) -> Vec<Row> {
    let shape = |line: &str| renaming.shape(line);
    let page_shapes: Vec<String> = page.iter().map(|line| shape(line.as_ref())).collect();
    let run_shapes: Vec<String> = run.iter().map(|line| shape(line.as_ref())).collect();
    let mut rows = Vec::new();
    for op in similar::capture_diff_slices(Algorithm::Myers, &page_shapes, &run_shapes) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            for (old, new) in (old_index..old_index + len).zip(new_index..) {
                let equal = match (page.get(old), run.get(new)) {
                    (Some(page), Some(run)) => renaming.bind(page.as_ref(), run.as_ref()),
                    _ => false,
                };
                if equal {
                    rows.push(Row::Same(old));
                } else {
                    rows.extend([Row::Gone(old), Row::New(new)]);
                }
            }
        } else {
            rows.extend(op.old_range().map(Row::Gone));
            rows.extend(op.new_range().map(Row::New));
        }
    }
    rows
}

/// Whether nothing differs.
#[must_use]
pub fn equal(rows: &[Row]) -> bool {
    rows.iter().all(|row| matches!(row, Row::Same(_)))
}

/// How often each renamed value in the differing lines of the run is called what: sentences without repetition.
#[must_use]
pub fn explanations<R: AsRef<str>>(rows: &[Row], run: &[R], renaming: &Renaming) -> Vec<String> {
    let mut sentences: Vec<String> = rows
        .iter()
        .filter_map(|row| match row {
            Row::New(index) => run.get(*index),
            _ => None,
        })
        .flat_map(|line| renaming.explain(line.as_ref()))
        .collect();
    sentences.sort_unstable();
    sentences.dedup();
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_find_the_line_that_differs() {
        let mut renaming = Renaming::new(32768..=60999);
        let page = ["a", "b 127.0.0.1:40000", "c", "d"];
        let run = ["a", "b 127.0.0.1:50000", "x", "d", "e"];
        let rows = rows(&page, &run, &mut renaming);
        assert_eq!(rows, [Row::Same(0), Row::Same(1), Row::Gone(2), Row::New(2), Row::Same(3), Row::New(4)]);
        assert!(!equal(&rows));
    }
}
