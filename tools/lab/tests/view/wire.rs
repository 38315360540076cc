//! A client and a server, and what passes between them.

use std::path::Path;

use crate::window::Window;
use crate::{LARGE, lab, shows_all};

#[test]
fn program_kernel_wire_kernel_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let mut window = lab(root, &["play", "tools/lab/tests/pages/network.md"], LARGE, &[]);
    window.wait_for("Return: ");
    if !shows_all("program_kernel_wire_kernel_program", &window) {
        return;
    }
    loop {
        window.until("question or end", |screen| {
            let text = screen.contents();
            text.contains("Return: ") || text.contains("The end.")
        });
        if window.text().contains("The end.") {
            break;
        }
        let before = window.text();
        window.press("\r");
        window.until("another screen", |screen| screen.contents() != before);
    }
    window.wait_for("All came as shown");
    // Back to the packet that carries the message, the run alone on the screen.
    window.press("r");
    let selected = |screen: &vt100::Screen| {
        screen.contents().lines().find(|line| line.contains('▶') && line.ends_with('◀')).map(str::to_owned)
    };
    window.until("the run", |screen| selected(screen).is_some());
    // Which event is looked at, as the bar says it.
    let position = |screen: &vt100::Screen| {
        screen.contents().lines().next()?.split_once(" event ")?.1.split(' ').next().map(str::to_owned)
    };
    let step = |window: &mut Window, key: &str, is_there: &dyn Fn(&str) -> bool| {
        while !selected(window.screen()).is_some_and(|line| is_there(&line)) {
            let before = position(window.screen());
            window.press(key);
            window.until("another event", |screen| position(screen) != before);
        }
    };
    step(&mut window, "\x1b[D", &|line| line.contains("ACK 0 B") && line.contains("= 4"));
    let text = window.text();
    let rows: Vec<&str> = text.lines().collect();
    let here = rows.iter().position(|row| row.starts_with('▶')).expect("it is selected");
    let row = |index: usize| rows.get(index).copied().unwrap_or_default();
    assert!(row(1).contains("server program ■") && row(1).contains("● client program"), "{text}");
    assert!(row(2).contains("LISTEN, ESTABLISHED") && row(2).matches("ESTABLISHED").count() == 2, "{text}");
    // The last packet of the handshake ends the server's wait; a call made the kernel send the first one.
    assert!(row(here).contains("= 4 ▒┄ESTABLISHED┄┄◀"), "{text}");
    assert!(row(here - 1).contains("SYN-RECV") && row(here - 1).contains("▶  ESTABLISHED"), "{text}");
    assert!(row(here - 2).contains("◀───") && row(here - 2).contains("─╯  SYN-SENT"), "{text}");
    assert!(row(here - 3).contains("╭──") && row(here - 3).contains("■ connect(3) = 0"), "{text}");
    assert!(rows.iter().any(|row| row.contains("accept4(3) ▒")), "{text}");
    assert!(text.contains("ACK, no payload. The kernel sends it by itself."), "{text}");
    assert!(text.contains("It ends server's wait in accept4. Now: server ESTABLISHED."), "{text}");
    step(&mut window, "\x1b[C", &|line| line.contains("PSH ACK 6 B") && line.contains("◀──"));
    window.wait_for("PSH ACK with 6 bytes of payload. sendto made the kernel send it");
    window.press("d");
    window.wait_for("the event in full");
    window.wait_for("TCP, 32 bytes");
    window.wait_for("flags: PSH ACK");
    window.wait_for("decimal    104 101 108 108 111  10");
    window.wait_for("character    h   e   l   l   o  \\n");
    window.press("dq");
    assert_eq!(window.end().code(), Some(0));
    window.assert_given_back();
}
