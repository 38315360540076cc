//! The exercises of the book that a program can judge, each by its name there: `part-one/4`. Each has one check, which the
//! part's own program fails and the answer in docs/solutions passes.

pub mod part_five;
pub mod part_four;
pub mod part_four_sender;
pub mod part_one;
pub mod part_seven;
pub mod part_six;
pub mod part_three;
pub mod part_three_descriptors;
pub mod part_two;

/// An exercise of one check, and how to see that its program can be spoken to.
macro_rules! exercise {
    // A client comes to us: nobody waits until it listens.
    ($(#[$doc:meta])* $name:ident: $id:literal, $title:literal, $page:expr, $transport:expr, client, $judge:expr) => {
        $crate::exercise::book::exercise! {
            @ $(#[$doc])* $name: $id, $title, $page, $transport, false, $crate::exercise::listens, $judge
        }
    };
    ($(#[$doc:meta])* $name:ident: $id:literal, $title:literal, $page:expr, $transport:expr, $ready:expr, $judge:expr) => {
        $crate::exercise::book::exercise! {
            @ $(#[$doc])* $name: $id, $title, $page, $transport, true, $ready, $judge
        }
    };
    (@ $(#[$doc:meta])* $name:ident: $id:literal, $title:literal, $page:expr, $transport:expr, $serves:literal,
        $ready:expr, $judge:expr) => {
        $(#[$doc])*
        pub const $name: $crate::check::Exercise = $crate::check::Exercise {
            name: $id,
            about: $title,
            transport: $transport,
            serves: $serves,
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
