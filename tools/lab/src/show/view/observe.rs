//! `lab observe -- COMMAND` in a terminal: the command at the left, a second terminal at the right, and the run between.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use crate::error::Result;
use crate::network::Network;
use crate::observe::terminal::Takes;
use crate::record::order::Ordered;
use crate::show::observation::{Observation, Start};
use crate::show::observe::{COMMAND, SECOND, Showing};
use crate::show::reader::{Typed, is_broken_pipe};
use crate::show::view::keyboard::Keyboard;
use crate::show::view::model::Model;
use crate::show::view::places::Places;
use crate::show::view::run::{News, Teller, watch};
use crate::show::view::state::{Act, View};
use crate::signals::Signals;

/// What the emulation of a terminal understands.
const KIND: &str = "xterm-256color";

/// Runs the command and shows it until the reader leaves. Gives its exit status; 0 if it has not ended by then.
///
/// # Errors
/// The laboratory itself fails.
pub fn observe(command: &[OsString], here: &Path, network: &Network, signals: &Signals) -> Result<u8> {
    let mut places = Places::default();
    places.add(COMMAND, &[]);
    places.add(SECOND, &[]);
    let words = command.iter().map(|word| word.to_string_lossy());
    let mut view = View::new(shell_words::join(words), Model::new(places), None);
    view.model.terminals.without_shell(COMMAND);
    view.keyboard = Some(Keyboard::new(&[COMMAND, SECOND]));
    "What you type goes into the second terminal; the command's calls are watched."
        .clone_into(&mut view.status);

    let (type_in, typed) = channel();
    let work = |teller| {
        let mut reporter = Reporter { teller, ended: None };
        let start = Start { command, here, network, kind: KIND };
        let result = Observation::start(&start, typed, &mut reporter)
            .and_then(|observation| observation.run(&mut reporter, &Signals::none()));
        match result {
            Err(error) if is_broken_pipe(&error) => Ok(reporter.ended.unwrap_or(0)),
            Err(error) => {
                let _ = reporter.teller.tell(News::Ended(format!("{error}: Esc, then q leaves")));
                Err(error)
            }
            ended => ended,
        }
    };
    let (left, ended) = watch(&mut view, signals, &mut act(type_in), work)?;
    Ok(left.unwrap_or(ended))
}

fn act(type_in: Sender<Typed>) -> impl FnMut(Act) {
    move |act| {
        let typed = match act {
            Act::Line(name, line) => Typed::To(name, line),
            Act::Press(name, key) => Typed::Key(name, key),
            Act::Strokes(name, keys, line) => Typed::Strokes(name, keys, line),
            Act::Size(name, size) => Typed::Size(name, size),
            Act::Go | Act::Leave | Act::Interrupt => return,
        };
        let _ = type_in.send(typed); // an observation that has ended reads nothing
    }
}

/// Tells the view what is observed.
struct Reporter {
    teller: Teller,
    ended: Option<u8>,
}

impl Showing for Reporter {
    fn see(&mut self, ordered: Ordered) -> io::Result<()> {
        self.teller.tell(News::Event(Box::new(ordered)))
    }

    fn aside(&mut self, text: &str) -> io::Result<()> {
        self.teller.tell(News::Remark(text.to_owned()))
    }

    fn takes(&mut self, terminal: &str, how: Takes) -> io::Result<()> {
        self.teller.tell(News::Takes(terminal.to_owned(), how))
    }

    fn overdue(&mut self) -> io::Result<()> {
        if self.teller.is_heard() { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn ended(&mut self, status: u8) -> io::Result<bool> {
        if self.ended.replace(status).is_none() {
            let text = format!("The command has ended with status {status}. Esc, then q leaves.");
            self.teller.tell(News::Ended(text))?;
        }
        Ok(true)
    }
}
