//! What a key is to a program that takes single keys: the bytes that a terminal of the kind xterm sends.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The key's bytes; `None` for a key that sends nothing. `application` is how the program wants the cursor keys
/// (DECCKM): a terminal's own emulation knows whether it asked for that.
#[must_use]
pub fn bytes(key: KeyEvent, application: bool) -> Option<Vec<u8>> {
    let cursor = |letter: char| format!("\x1b{}{letter}", if application { 'O' } else { '[' });
    let text = match key.code {
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            char::from(control(letter)?).to_string()
        }
        KeyCode::Char(letter) => letter.to_string(),
        KeyCode::Enter => "\r".to_owned(),
        KeyCode::Backspace => "\x7f".to_owned(),
        KeyCode::Up => cursor('A'),
        KeyCode::Down => cursor('B'),
        KeyCode::Right => cursor('C'),
        KeyCode::Left => cursor('D'),
        KeyCode::Home => cursor('H'),
        KeyCode::End => cursor('F'),
        KeyCode::Insert => "\x1b[2~".to_owned(),
        KeyCode::Delete => "\x1b[3~".to_owned(),
        KeyCode::PageUp => "\x1b[5~".to_owned(),
        KeyCode::PageDown => "\x1b[6~".to_owned(),
        _ => return None,
    };
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    Some(if alt { format!("\x1b{text}") } else { text }.into_bytes())
}

/// The byte of a letter with Ctrl.
#[must_use]
pub fn control(letter: char) -> Option<u8> {
    match letter.to_ascii_lowercase() {
        letter @ 'a'..='z' => u8::try_from(letter).ok().map(|letter| letter & 0x1f),
        ' ' | '@' => Some(0),
        '[' => Some(0x1b),
        // What ^\, ^], ^^ and ^_ are in a terminal that knows no better.
        '\\' | '4' => Some(0x1c),
        ']' | '5' => Some(0x1d),
        '^' | '6' => Some(0x1e),
        '_' | '7' => Some(0x1f),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_xterm() {
        let sent = |code, modifiers, application| bytes(KeyEvent::new(code, modifiers), application);
        let none = KeyModifiers::NONE;
        assert_eq!(sent(KeyCode::Char('é'), none, false), Some("é".as_bytes().to_vec()));
        assert_eq!(sent(KeyCode::Char('C'), KeyModifiers::CONTROL, false), Some(vec![3]));
        assert_eq!(sent(KeyCode::Char('5'), KeyModifiers::CONTROL, false), Some(vec![0x1d]));
        assert_eq!(sent(KeyCode::Char('b'), KeyModifiers::ALT, false), Some(b"\x1bb".to_vec()));
        assert_eq!(sent(KeyCode::Up, none, false), Some(b"\x1b[A".to_vec()));
        assert_eq!(sent(KeyCode::Up, none, true), Some(b"\x1bOA".to_vec()));
        assert_eq!(sent(KeyCode::CapsLock, none, false), None);
    }
}
