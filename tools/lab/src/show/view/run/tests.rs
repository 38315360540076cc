//! A fault of the laboratory itself: the test starts itself once more, in a window of its own, to have it there.

use std::ffi::OsString;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::id;

use nix::sys::signal::{Signal, kill};

use super::*;
use crate::hosts::Hosts;
use crate::hosts::plan::Plan;
use crate::session::Session;
use crate::show::view::model::Model;
use crate::show::view::places::Places;

#[expect(dead_code, reason = "other tests press more keys and look closer")]
#[path = "../../../../tests/view/window.rs"]
mod window;

#[test]
fn a_key_waits_behind_no_news() {
    let (sender, news) = sync_channel(WAITING);
    let (press, keys) = channel();
    let inbox = Inbox { keys, news, has_left: Arc::default() };
    while sender.try_send(News::Status("one more".to_owned())).is_ok() {}
    press.send(Event::FocusGained).expect("somebody hears it");
    let next = || inbox.next(Duration::ZERO);
    assert!(matches!(next(), Some(News::Input(_))), "the key first");
    assert!(matches!(next(), Some(News::Status(_))), "then the news");
}

/// What runs in the view's terminals, and nowhere else. The work has its fault when the second one ends.
fn programs(of: u32) -> [String; 2] {
    [format!("sleep {of}.25"), format!("sleep {of}.5")]
}

/// Watches the programs until there is a fault: in the view when a key is pressed, or in the work.
fn watch_with(view_fault: impl Fn(), work_fault: impl FnOnce() + Send) {
    let mut view = View::new("A fault".to_owned(), Model::new(Places::default()), None);
    let work = |teller: Teller| {
        let mut session = Session::start(Hosts::start(&Plan::default())?)?;
        for (name, program) in ["first", "second"].into_iter().zip(programs(parent_id())) {
            let words: Vec<OsString> = program.split(' ').map(OsString::from).collect();
            session.run(name, &words, Path::new("/"), "dumb", &[])?;
        }
        let _ = teller.tell(News::Asks(0, Vec::new(), "both run".to_owned()));
        while teller.is_heard() && session.status("second")?.is_none() {
            session.next(Instant::now() + FRAME);
        }
        work_fault();
        Ok(())
    };
    let ended = watch(&mut view, &Signals::none(), &mut |_| view_fault(), work);
    panic!("it ended without a panic: {ended:?}");
}

/// Tells this test, started once more in a window, which fault to have.
const FAULT: &str = "LAB_TEST_FAULT";

fn have(fault: &str) {
    let third_thread = || {
        let thread = std::thread::spawn(|| panic!("this is the fault"));
        assert!(thread.join().is_err(), "it panics");
    };
    match fault {
        "view" => watch_with(|| panic!("this is the fault"), || ()),
        "work" => watch_with(|| (), || panic!("this is the fault")),
        _ => watch_with(|| (), third_thread),
    }
}

#[test]
fn a_fault_gives_the_window_back_and_ends_the_programs() {
    if let Ok(fault) = std::env::var(FAULT) {
        return have(&fault);
    }
    // Only root of a network can start a session in it.
    let me = "show::view::run::tests::a_fault_gives_the_window_back_and_ends_the_programs";
    if !harness::private::network(me, &[]) {
        return;
    }
    let tests = std::env::current_exe().expect("this program");
    for fault in ["view", "work", "third thread"] {
        let tests = tests.to_str().expect("a name in UTF-8");
        let environment = [("RUST_BACKTRACE", "0"), (FAULT, fault)];
        let arguments = ["--exact", me, "--nocapture"];
        let mut window = window::Window::open(tests, Path::new("/"), &arguments, (80, 24), &environment);
        window.wait_for("both run");
        let [first, second] = programs(id()).map(|program| window::running(&program));
        assert_eq!((first.len(), second.len()), (1, 1));
        match fault {
            "view" => window.press("\r"),
            _ => second.into_iter().for_each(|pid| kill(pid, Signal::SIGTERM).expect("it runs")),
        }
        assert_eq!(window.end().code(), Some(101), "{fault}:\n{}", window.text());
        assert!(window.text().contains("this is the fault"), "{fault}:\n{}", window.text());
        window.assert_given_back();
        for program in programs(id()) {
            assert_eq!(window::running(&program), [], "{fault} leaves {program}");
        }
    }
}
