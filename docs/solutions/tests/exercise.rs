//! What `exercise` demands of an exercise.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use support::{Checked, exercise};

/// Passed by numbers from 10 on.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "a check is given a reference to the state")]
fn ten(number: &u8) -> Checked {
    match number {
        10.. => Ok(()),
        _ => Err(format!("{number} is too small").into()),
    }
}

#[test]
fn the_unsolved_state_fails_and_the_answer_passes() {
    exercise(&9, "too small", &10, ten);
}

#[test]
#[should_panic(expected = "this is no exercise")]
fn an_exercise_that_passes_unsolved_is_an_error() {
    exercise(&10, "too small", &10, ten);
}

#[test]
#[should_panic(expected = "fails for another reason: 9 is too small")]
fn the_unsolved_state_must_fail_for_the_reason_of_the_exercise() {
    exercise(&9, "too large", &10, ten);
}

#[test]
#[should_panic(expected = "the answer does not pass: 8 is too small")]
fn an_answer_that_does_not_pass_is_an_error() {
    exercise(&9, "too small", &8, ten);
}
