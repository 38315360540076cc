//! The exercises of the book that a program can judge, each by its name there: `part-one/4`. Each has one check, which the
//! part's own program fails and the answer in docs/solutions passes.

pub mod part_four;
pub mod part_one;
pub mod part_seven;
pub mod part_six;
pub mod part_three;

/// An exercise of one check, and how to see that its program can be spoken to.
macro_rules! exercise {
    ($(#[$doc:meta])* $name:ident: $id:literal, $title:literal, $page:expr, $transport:expr, $ready:expr, $judge:expr) => {
        $(#[$doc])*
        pub const $name: $crate::check::Exercise = $crate::check::Exercise {
            name: $id,
            about: $title,
            transport: $transport,
            serves: true,
            ready: $ready,
            levels: &["solved"],
            checks: &[$crate::check::Check {
                id: "solved",
                level: 1,
                title: $title,
                page: $page,
                judge: $judge,
            }],
        };
    };
}
pub(crate) use exercise;
