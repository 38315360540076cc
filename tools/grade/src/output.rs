//! What the learner's program says on its standard output and standard error.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

/// So many bytes from the beginning are kept. A program that prints without end is read on, so that it does not stand
/// still at a full pipe, and forgotten.
const KEPT: usize = 64 * 1024;

/// What was said on one stream.
#[derive(Debug, Clone, Default)]
pub struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// Reads `stream` to its end, on a thread of its own.
    pub fn listen(mut stream: impl Read + Send + 'static) -> Self {
        let said = Self::default();
        let heard = Arc::clone(&said.0);
        let read = move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                let length = match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => length,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(_) => break,
                };
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                let room = KEPT.saturating_sub(heard.len());
                heard.extend(buffer.iter().take(length.min(room)));
            }
        };
        // Without a thread nothing is heard, and the program ends at a broken pipe, which is said.
        let _ = std::thread::Builder::new().name("output".to_owned()).spawn(read);
        said
    }

    /// The text so far; what is no UTF-8 in it is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
