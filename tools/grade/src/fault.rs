//! What a check finds wrong.

use std::net::SocketAddr;

use lab::error::Error;
use lab::missing::Missing;

use crate::page::Page;

/// Why a check did not pass.
#[derive(Debug)]
pub enum Stop {
    /// The learner's program did something wrong.
    Fault(Box<Fault>),
    /// The grader itself could not go on.
    Grader(Error),
    /// This machine lacks what the check takes.
    NotChecked(Missing),
}

/// What a check gives.
pub type Judged<T = ()> = Result<T, Stop>;

/// One fault of the learner's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// One sentence, or two: what is wrong, and with which call.
    pub sentence: String,
    /// What to read, where it is something else than the check names.
    pub page: Option<Page>,
    /// What went over the connection.
    pub exchange: Option<Exchange>,
    /// The clients whose calls tell of it; none for the listener's.
    pub clients: Vec<SocketAddr>,
    /// The program could not even be spoken to: no other check would say anything else.
    pub fatal: bool,
}

/// What went over one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What should have come back, which is what the grader sent.
    pub sent: Vec<u8>,
    /// What came back.
    pub got: Vec<u8>,
    /// How it ended.
    pub how: How,
}

/// How a connection ended, or how it was seen that nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It goes on.
    Open,
    /// The end of the stream: FIN.
    End,
    /// It was reset: RST.
    Reset,
    /// Nothing more came, and no thread of the program moved.
    Silent,
    /// Nothing more came in time, although something in the program moves.
    Slow,
    /// The program has ended.
    Exit,
}

impl How {
    /// The word for it in a JSON report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::End => "eof",
            Self::Reset => "rst",
            Self::Silent => "silent",
            Self::Slow => "slow",
            Self::Exit => "exit",
        }
    }
}

impl Fault {
    /// A fault in one sentence.
    #[must_use]
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), page: None, exchange: None, clients: Vec::new(), fatal: false }
    }

    /// With what to read.
    #[must_use]
    pub fn read(mut self, page: Page) -> Self {
        self.page = Some(page);
        self
    }

    /// With what went over the connection of this client.
    #[must_use]
    pub fn on(mut self, client: SocketAddr, exchange: Option<Exchange>) -> Self {
        // In the Unix domain a client has no address: then every call tells of it.
        if client.port() != 0 {
            self.clients.push(client);
        }
        self.exchange = exchange;
        self
    }
}

impl Exchange {
    /// The offset of the first byte that differs; where one is the beginning of the other, the length of that one.
    #[must_use]
    pub fn first_wrong(&self) -> Option<usize> {
        let differs = self.sent.iter().zip(&self.got).position(|(sent, got)| sent != got);
        let end = self.sent.len().min(self.got.len());
        differs.or_else(|| (self.sent.len() != self.got.len()).then_some(end))
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Grader(error)
    }
}

impl Stop {
    /// With one more sentence.
    #[must_use]
    pub fn with(self, hint: &str) -> Self {
        match self {
            Self::Fault(mut fault) => {
                fault.sentence = format!("{} {hint}", fault.sentence);
                Self::Fault(fault)
            }
            other => other,
        }
    }

    /// The calls on the connection with this client tell of it.
    #[must_use]
    pub fn about(self, client: SocketAddr) -> Self {
        match self {
            Self::Fault(fault) => Self::Fault(Box::new(Fault { clients: vec![client], ..*fault })),
            other => other,
        }
    }
}

/// That the program is at fault.
///
/// # Errors
/// Always: it is one.
pub fn fault<T>(sentence: impl Into<String>) -> Judged<T> {
    Err(Fault::new(sentence).into())
}
