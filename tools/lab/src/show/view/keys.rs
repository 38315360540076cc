//! Which key does what.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::observe::terminal::Takes;
use crate::show::view::keyboard::Key;
use crate::show::view::state::{Act, Over, Part, View};
use crate::show::view::strokes::{self, control as control_byte};

/// How many lines a page of words moves.
const PAGE: usize = 4;

/// The keys of a play: what stands in the last line of the screen. A window that is too narrow for all shows the first.
pub const OF_A_PLAY: &[(&str, &str)] = &[
    ("q", "quit"),
    ("?", "help"),
    ("←→", "step"),
    ("⏎", "next"),
    ("nN", "heading"),
    ("p", "play"),
    ("+-", "speed"),
    ("d", "detail"),
    ("wtr", "zoom"),
    ("␣", "read"),
];

/// The keys while they move through what is observed.
pub const OF_A_RUN: &[(&str, &str)] = &[
    ("q", "quit"),
    ("?", "help"),
    ("Tab", "type"),
    ("←→", "step"),
    ("Home End", ""),
    ("p", "play"),
    ("+-", "speed"),
    ("d", "detail"),
    ("tr", "zoom"),
    ("^C", "end"),
];

/// The keys while what is typed goes into a terminal.
pub const OF_A_TERMINAL: &[(&str, &str)] = &[
    ("Esc q", "quit"),
    ("F1", "help"),
    ("Return", "sends"),
    ("^C ^D", "too"),
    ("↑↓", "step"),
    ("Tab", "next terminal"),
];

/// The keys while they go to a program that takes single ones.
pub const OF_A_PROGRAM: &[(&str, &str)] =
    &[("Every key", "goes to the program"), ("Esc q", "quit"), ("F1", "help"), ("Tab", "next terminal")];

/// What the help of a play says: a key, and what it does.
const HELP_OF_A_PLAY: &[(&str, &str)] = &[
    ("→ l", "one event forward; after the last one the next block plays"),
    ("← h", "one event back: a look at an earlier moment; the run stays"),
    ("⏎ Return", "the next block of the page plays, and all of it is shown"),
    ("␣ Space", "reads on: the words that do not fit, then the next block"),
    ("n N", "to the next heading, to the one before"),
    ("p + -", "plays by itself, and pauses; faster, slower"),
    ("Home End", "to the first event, to the last one"),
    ("PgUp PgDn", "move the words"),
    ("d", "the event in full: headers, and the bytes three ways"),
    ("w t r", "enlarge words, terminals, run; the same key shows all again"),
    ("^L", "draws the screen anew"),
    ("q", "leaves; every program is ended"),
];

/// What the help of an observation says.
const HELP_OF_AN_OBSERVATION: &[(&str, &str)] = &[
    ("Tab", "what you type goes to the next terminal, then to none: to the run"),
    ("Esc", "to the run: there these keys do what stands here"),
    ("→ l", "one event forward; while you type into a terminal: ↓"),
    ("← h", "one event back: a look at an earlier moment; while you type: ↑"),
    ("p + -", "plays by itself, and pauses; faster, slower"),
    ("Home End", "to the first event, to the last one"),
    ("d", "the event in full: headers, and the bytes three ways"),
    ("t r", "enlarge terminals, run; the same key shows all again"),
    ("^C", "ends the command; in a terminal, what runs there"),
    ("^L", "draws the screen anew"),
    ("q", "leaves; every program is ended"),
];

/// What the signs of the run mean.
const SIGNS: &[(&str, &str)] = &[
    ("", ""),
    ("■", "a call that did not wait"),
    ("▒", "a call that waits, up to what woke it"),
    ("──╮", "a call made the kernel send this packet"),
    ("┄┄┄", "this packet ended the wait, and the call gave = 22"),
    ("▶ ◀ •", "the event you look at; what made it happen, what it led to"),
    ("LISTEN", "a socket goes into this state; the states of now stand on top"),
];

/// What the help says: keys and signs, and what each is.
pub fn help(view: &View) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let keys = if view.keyboard.is_some() { HELP_OF_AN_OBSERVATION } else { HELP_OF_A_PLAY };
    keys.iter().chain(SIGNS)
}

/// Does what the key says.
pub fn press(view: &mut View, key: KeyEvent) -> Option<Act> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let types = view.keyboard.as_ref().is_some_and(|keyboard| keyboard.terminal().is_some());
    if types && view.over == Over::Nothing {
        return type_into_terminal(view, key, control);
    }
    if view.over != Over::Nothing {
        return over(view, key, control);
    }
    match (key.code, control) {
        (KeyCode::Char('c'), true) => return interrupt(view),
        (KeyCode::Char('q'), false) => return Some(Act::Leave),
        (KeyCode::Right | KeyCode::Down, _) | (KeyCode::Char('l' | 'j'), false) => return view.forward(),
        (KeyCode::Left | KeyCode::Up, _) | (KeyCode::Char('h' | 'k'), false) => view.back(),
        (KeyCode::Enter, _) => return view.next_block(),
        (KeyCode::Char(' '), false) => return view.read_on(PAGE),
        (KeyCode::Char('n' | ']'), false) => return view.heading(true),
        (KeyCode::Char('N' | '['), false) => return view.heading(false),
        (KeyCode::Char('p'), false) => view.play_or_pause(),
        (KeyCode::Char('+' | '='), false) => view.pace.change(true),
        (KeyCode::Char('-'), false) => view.pace.change(false),
        (KeyCode::Home | KeyCode::Char('g'), _) => view.home(),
        (KeyCode::End | KeyCode::Char('G'), _) => view.end(),
        (KeyCode::PageDown, _) => view.scroll_words(PAGE.cast_signed()),
        (KeyCode::PageUp, _) => view.scroll_words(-PAGE.cast_signed()),
        (KeyCode::Char('d'), false) => view.lay(Over::Detail),
        (KeyCode::Char('?') | KeyCode::F(1), _) => view.lay(Over::Help),
        (KeyCode::Char('w'), false) if view.words.is_some() => view.enlarge(Part::Words),
        (KeyCode::Char('t'), false) => view.enlarge(Part::Terminals),
        (KeyCode::Char('r'), false) => view.enlarge(Part::Run),
        (KeyCode::Esc, _) => view.part = Part::All,
        (KeyCode::Tab, _) => {
            if let Some(keyboard) = &mut view.keyboard {
                keyboard.next();
            }
        }
        _ => {}
    }
    None
}

/// ^C ends a play; where something is observed it is the command's.
fn interrupt(view: &View) -> Option<Act> {
    match &view.keyboard {
        Some(keyboard) => keyboard.terminals.first().map(|name| Act::Press(name.clone(), 3)),
        None => Some(Act::Interrupt),
    }
}

/// A terminal has the keyboard: only keys that no line needs move the run.
fn type_into_terminal(view: &mut View, key: KeyEvent, control: bool) -> Option<Act> {
    let keyboard = view.keyboard.as_ref()?;
    if keyboard.mode() != Takes::Lines && !matches!(key.code, KeyCode::Tab | KeyCode::Esc | KeyCode::F(1)) {
        return stroke(view, key, control);
    }
    match key.code {
        KeyCode::Up => view.back(),
        KeyCode::Down => return view.forward(),
        KeyCode::Home => view.home(),
        KeyCode::End => view.end(),
        KeyCode::F(1) => view.lay(Over::Help),
        _ => return edit(view, key.code, control),
    }
    None
}

/// The program in the terminal takes single keys: all go there.
fn stroke(view: &mut View, key: KeyEvent, control: bool) -> Option<Act> {
    let keyboard = view.keyboard.as_mut()?;
    let application = view.model.terminals.wants_application_keys(keyboard.terminal()?);
    let bytes = strokes::bytes(key, application)?;
    let what = match key.code {
        KeyCode::Char(letter) if control => Key::Control(strokes::control(letter)?),
        KeyCode::Char(letter) if !key.modifiers.contains(KeyModifiers::ALT) => Key::Letter(letter),
        KeyCode::Enter => Key::Return,
        KeyCode::Backspace => Key::RubOut,
        _ => Key::Other,
    };
    let act = keyboard.stroke(bytes, what);
    view.end();
    act
}

fn edit(view: &mut View, key: KeyCode, control: bool) -> Option<Act> {
    let keyboard = view.keyboard.as_mut()?;
    let terminal = keyboard.terminal()?.to_owned();
    let act = match key {
        KeyCode::Char(letter) if control => {
            match letter.to_ascii_lowercase() {
                'u' => {
                    keyboard.line.clear();
                    return None;
                }
                // It draws the screen anew.
                'l' => return None,
                letter => Act::Press(terminal, control_byte(letter)?),
            }
        }
        KeyCode::Enter => {
            let (terminal, line) = keyboard.enter()?;
            Act::Line(terminal, line)
        }
        other => {
            match other {
                KeyCode::Char(character) => keyboard.put(character),
                KeyCode::Backspace => keyboard.rub_out(),
                KeyCode::Tab => keyboard.next(),
                KeyCode::Esc => keyboard.at = None,
                _ => {}
            }
            return None;
        }
    };
    // Whoever types wants to see what comes of it.
    view.end();
    Some(act)
}

fn over(view: &mut View, key: KeyEvent, control: bool) -> Option<Act> {
    match (key.code, control) {
        (KeyCode::Char('c'), true) => return interrupt(view),
        (KeyCode::Down | KeyCode::PageDown | KeyCode::Char(' ' | 'j'), _) => {
            let lines = if matches!(key.code, KeyCode::PageDown | KeyCode::Char(' ')) { 10 } else { 1 };
            view.over_scroll = view.over_scroll.saturating_add(lines);
        }
        (KeyCode::Up | KeyCode::PageUp | KeyCode::Char('k'), _) => {
            let lines = if key.code == KeyCode::PageUp { 10 } else { 1 };
            view.over_scroll = view.over_scroll.saturating_sub(lines);
        }
        (KeyCode::Right, _) if view.over == Over::Detail => return view.forward(),
        (KeyCode::Left, _) if view.over == Over::Detail => view.back(),
        (KeyCode::Char('?'), _) if view.over == Over::Detail => view.lay(Over::Help),
        _ => view.over = Over::Nothing,
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_help_fit_the_smallest_usual_window() {
        let width = |text: &str| ratatui::text::Span::raw(text.to_owned()).width();
        for keys in [OF_A_PLAY, OF_A_RUN, OF_A_TERMINAL, OF_A_PROGRAM] {
            // The speed is there only while it plays.
            let shown = keys.iter().filter(|(_, what)| *what != "speed");
            let line: Vec<String> = shown.map(|(key, what)| format!("{key} {what}")).collect();
            assert!(width(line.join("  ").trim_end()) < 80, "{line:?}");
        }
        for keys in [HELP_OF_A_PLAY, HELP_OF_AN_OBSERVATION] {
            // Beside it stand its heading, the bar, the status and the keys.
            assert!(keys.len() + SIGNS.len() <= 24 - 4);
            for (key, what) in keys.iter().chain(SIGNS) {
                assert!(width(key) <= 10 && width(what) <= 80 - 4 - 11, "{what}");
            }
        }
    }
}
