//! Answers to the exercises of the pages: each program in `src/bin` is one, named after its page and its number.
//!
//! Each is a copy of the part's lesson in which only what the exercise asks for has changed. Try an exercise before
//! you look; the page has a hint first.
