//! Columns in what programs print.
//!
//! The tables of `ss` and `nstat` are printed narrow. They pad their columns until they fill the terminal, and what a
//! page explains would be beyond the edge of a screen. How far apart two columns stand says nothing: the laboratory
//! does not compare it.
//!
//! And where a line is too long for a screen, a table stays one: its rows are not folded.

use std::ops::Range;

use lab::book::block::{Console, Input};

/// What stands between two columns.
const GAP: &str = "  ";

/// What a cell of a table may have of characters, if it is of several words. A longer one is a sentence. The first cell
/// says what its row is about, and may be longer.
const CELL: usize = 26;
const FIRST: usize = 36;

/// A sentence that begins further to the right than this goes on below itself at the left: on a phone, fifty
/// characters are a line.
const FAR: usize = 30;

/// With what a row begins: the states that most sockets are in.
const STATES: [&str; 7] = ["LISTEN ", "ESTAB ", "SYN-", "FIN-WAIT-", "CLOSE-WAIT ", "TIME-WAIT ", "UNCONN "];

/// The lines of a terminal, where those that `ss` printed are set anew.
#[must_use]
pub fn narrow(console: &Console, lines: &[String]) -> Vec<String> {
    let mut narrow = lines.to_vec();
    for step in &console.steps {
        let Input::Command(command) = &step.input else { continue };
        let mut words = command.split(|c: char| !c.is_alphanumeric() && c != '-');
        let pads = words.any(|word| word == "ss" || word == "nstat");
        let Some(rows) = narrow.get_mut(step.expected.clone()) else { continue };
        // A page may call it by another name, but a row begins as it does.
        if pads || rows.iter().any(|row| STATES.iter().any(|state| row.starts_with(state))) {
            table(rows);
        }
    }
    narrow
}

/// Which of the lines are a table of at least two rows and three columns, whose cells are short.
#[must_use]
pub fn tables(lines: &[&str]) -> Vec<Range<usize>> {
    let mut tables: Vec<Range<usize>> = Vec::new();
    for (index, _) in lines.iter().enumerate().filter(|(_, line)| is_row(line)) {
        match tables.last_mut() {
            Some(table) if table.end == index => table.end += 1,
            _ => tables.push(index..index + 1),
        }
    }
    tables.retain(|table| table.len() > 1);
    // A caret points at what stands above it: at the two lines that it compares.
    for (start, three) in lines.windows(3).enumerate() {
        let is_compared = three.iter().all(|line| line.starts_with(GAP))
            && three.last().is_some_and(|line| line.trim_start().starts_with('^'));
        let these = start..start + 3;
        if is_compared && tables.iter().all(|table| table.end <= these.start || these.end <= table.start) {
            tables.push(these);
        }
    }
    tables
}

fn is_row(line: &str) -> bool {
    let cells: Vec<&str> = line.split(GAP).map(str::trim).filter(|cell| !cell.is_empty()).collect();
    let fits = |(index, cell): (usize, &&str)| {
        !cell.contains(' ') || cell.chars().count() <= if index == 0 { FIRST } else { CELL }
    };
    cells.len() > 2 && cells.iter().enumerate().all(fits)
}

/// How far to the right a long line goes on below itself: where its last column begins, or behind its own indent.
#[must_use]
pub fn hang(line: &str) -> Option<usize> {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    last(line).or_else(|| (1..=FAR).contains(&indent).then_some(indent + GAP.len()))
}

/// Where the last column of a line begins, if a long line may go on below itself from there.
fn last(line: &str) -> Option<usize> {
    let line = line.trim_end();
    let at = line.rfind(GAP)? + GAP.len();
    let column = line.get(..at)?.chars().count();
    (column <= FAR && !line.get(..at)?.trim().is_empty()).then_some(column)
}

fn table(lines: &mut [String]) {
    let rows: Vec<Vec<String>> = lines.iter().map(|line| cells(line)).collect();
    let mut widths = Vec::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    for (line, row) in lines.iter_mut().zip(&rows) {
        if row.is_empty() {
            continue; // no row of a table
        }
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        *line = padded.collect::<Vec<String>>().join(GAP);
        line.truncate(line.trim_end().len());
    }
}

/// The cells of a row; none if the line is no row, as the details that `ss -i` writes below one.
fn cells(line: &str) -> Vec<String> {
    if line.starts_with(char::is_whitespace) || !line.contains(GAP) {
        return Vec::new();
    }
    let line = line.replace(" Address:Port", "\u{a0}Address:Port");
    let mut cells: Vec<String> =
        line.split_ascii_whitespace().map(|cell| cell.replace('\u{a0}', " ")).collect();
    // A Unix-domain socket's address is two words, a path and an inode; so is its peer's.
    if line.starts_with("u_") && cells.len() >= 8 {
        for at in [4, 5] {
            let inode = cells.remove(at + 1);
            if let Some(path) = cells.get_mut(at) {
                *path = format!("{path} {inode}");
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use lab::book::block::Kind;
    use lab::book::info::kind_of;

    use super::*;

    fn set(lines: &[&str]) -> Vec<String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        match kind_of("console kernel", &lines) {
            Ok(Kind::Console(console)) => narrow(&console, &lines),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(
            set(&[
                "$ ss -tanp",
                "State        Recv-Q       Send-Q             Local Address:Port             Peer Address:Port       Process",
                "LISTEN       0            1                      127.0.0.1:6797                  0.0.0.0:*           users:((\"s\",fd=3))",
                "TIME-WAIT    0            0                      127.0.0.1:6797                127.0.0.1:44204",
                "\t cubic  wscale:7,7",
            ]),
            [
                "$ ss -tanp",
                "State      Recv-Q  Send-Q  Local Address:Port  Peer Address:Port  Process",
                "LISTEN     0       1       127.0.0.1:6797      0.0.0.0:*          users:((\"s\",fd=3))",
                "TIME-WAIT  0       0       127.0.0.1:6797      127.0.0.1:44204",
                "\t cubic  wscale:7,7",
            ]
        );
    }

    #[test]
    fn a_caret_stays_below_what_it_points_at() {
        let report = [
            "it differs:",
            "",
            r#"  sent       "ab""#,
            r#"  came back  "ax""#,
            "               ^ byte 1",
            "",
        ];
        let lines = [&report[..], &["  ^ nothing is above", "$ ls", "^C"]].concat();
        assert_eq!(tables(&lines), vec![2..5]);
    }

    #[test]
    fn a_long_line_goes_on_behind_its_indent() {
        for (line, column) in [
            ("a line", None),
            ("  a line", Some(4)),
            ("  ok     listens             it listens", Some(29)),
            ("Two words  and a column", Some(11)),
        ] {
            assert_eq!(hang(line), column, "{line}");
        }
    }

    #[test]
    fn a_path_and_its_inode_are_one_cell() {
        assert_eq!(
            set(&[
                "$ ss -xlp",
                "Netid   State     Recv-Q    Send-Q         Local Address:Port         Peer Address:Port",
                "u_str   LISTEN    0         1         /tmp/part-three.sock 4711                  * 0",
            ]),
            [
                "$ ss -xlp",
                "Netid  State   Recv-Q  Send-Q  Local Address:Port         Peer Address:Port",
                "u_str  LISTEN  0       1       /tmp/part-three.sock 4711  * 0",
            ]
        );
    }

    #[test]
    fn a_row_is_known_by_its_state() {
        let lines = ["$ look 127.0.0.1:40000", "LISTEN     0      1         127.0.0.1:6797       0.0.0.0:*"];
        assert_eq!(set(&lines), [lines[0], "LISTEN  0  1  127.0.0.1:6797  0.0.0.0:*"]);
    }

    #[test]
    fn counters_are_no_further_apart() {
        assert_eq!(
            set(&[
                "$ nstat -asz TcpExtListenDrops",
                "#kernel",
                "TcpExtListenDrops               5                  0.0"
            ]),
            ["$ nstat -asz TcpExtListenDrops", "#kernel", "TcpExtListenDrops  5  0.0"]
        );
    }

    #[test]
    fn rows_of_short_cells_are_a_table() {
        let lines = [
            "option         default   after the handshake",
            "SO_LINGER      off       off",
            "what a row is about, in many words  off  off",
            "  ok     listens        it listens on the address that it was given",
            "  ok     one-line       a line comes back",
            "State   Recv-Q  Process",
            "LISTEN  0       users:((\"part-one-server\",pid=24519,fd=3))",
            "no table",
        ];
        assert_eq!(tables(&lines), [0..3, 4..7]);
        assert!(tables(&lines[3..5]).is_empty(), "a row is no table, and a sentence is no cell");
    }

    #[test]
    fn a_sentence_goes_on_below_itself() {
        assert_eq!(last("  08 00       type: IPv4"), Some(14));
        for line in ["", "    indented", "one column", &format!("{:40}  far", "a")] {
            assert_eq!(last(line), None, "{line:?}");
        }
    }

    #[test]
    fn what_others_print_stays() {
        let lines = ["$ ls -l", "total  0", "a    b"];
        assert_eq!(set(&lines), lines);
    }
}
