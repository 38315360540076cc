//! What `--help` answers.

pub(crate) const HELP: &str = "\
The laboratory: replays the pages of the book and shows what the kernel did.

Usage: lab COMMAND [ARGUMENTS]

  check [--update] [PAGES...]  play pages and compare every line
  play PAGE                    watch a page's run, step by step
  observe -- COMMAND...        watch any program's run, on a private network
  record PAGE                  play a page and write down what happened, as JSON
  draw RECORDING               make a picture of what `lab record` wrote, as SVG
  doctor                       what this machine can and cannot do for the book
  enter PID                    a shell on the network of a running `lab observe`

`lab COMMAND --help` says more. Exit status 2: the laboratory could not work.
";

pub(crate) const CHECK_HELP: &str = "\
Plays each page in real terminals on a private network and compares every line;
compares every excerpt with its file.

Usage: lab check [--update] [--jobs N] [PAGES...]

Without PAGES: README.md and docs/*.md.

Options:
  --update    rewrite what differs on the pages from what came (so does
              LAB_UPDATE=1)
  --jobs N    play N pages at once (otherwise: three for each processor)
  -h, --help  this text

Environment:
  LAB_UPDATE=1     like --update
  LAB_REQUIRE=all  what this machine cannot check is a failure

Exit status: 0 every block is as shown, 1 something differs or is wrong, 2 the
laboratory could not work, 130 or 143 a signal ended it.
";

pub(crate) const PLAY_HELP: &str = "\
Plays a page of the book live, in the whole window: the words of the page, its
terminals, and between them the run, step by step: each system call on its
program's line, each packet from side to side, the state of each socket.

Usage: lab play [--plain] [--speed N | --no-wait] PAGE

Every key is on the screen, and ? says more: the arrows step through what has
happened, Return plays the next block, q leaves. Going back is looking at an
earlier moment: the run itself only goes forwards.

Into a pipe, or with --plain, it prints lines, each with the name of its lane:
on a terminal Return then plays the next block, q and Return ends; elsewhere
nothing waits.

Options:
  --plain     lines instead of the whole window
  --speed N   it plays by itself, at N times a usual reading speed (0.5, 1, 4)
  --no-wait   lines, no keys and no waiting
  -h, --help  this text

Environment:
  NO_COLOR=1   no colours; a pipe or a file gets none anyway
  COLORFGBG    0;15 tells of a light terminal, 15;0 of a dark one; without it
               the colours are readable on both
  COLORTERM    truecolor: the colours of the site

Exit status: 0 everything came as the page shows it, or you left before the
end; 1 not everything did; 2 the laboratory could not work; 130 after ^C.
";

pub(crate) const RECORD_HELP: &str = "\
Plays a page once, with every terminal traced, and writes what happened as
JSON: keys, lines, system calls, packets and the states of the sockets, in
causal order.

Usage: lab record [--section HEADING]... [-o FILE] PAGE

Options:
  --section HEADING  only what happened in this section of the page; may be
                     given several times
  -o FILE            write to FILE instead of standard output
  -h, --help         this text

Exit status: 0 written, 2 not everything came as the page shows it, or the
laboratory could not work.
";

pub(crate) const DRAW_HELP: &str = "\
Draws a recording: what each terminal said, the calls of its programs, the
packets between them and the states of their sockets, from top to bottom in
the order in which it happened.

Usage: lab draw [--scene] [-o FILE] RECORDING

RECORDING is a file that `lab record` wrote, such as
docs/recordings/part-one.json.

Options:
  --scene     no picture, but what it shows, row by row, as JSON: what the
              player on the site reads
  -o FILE     write to FILE instead of standard output
  -h, --help  this text

Exit status: 0 written, 2 RECORDING cannot be read, or FILE cannot be written.
";

pub(crate) const OBSERVE_HELP: &str = "\
Runs a program, in whatever language, on a private network, and shows live what
it prints, the network calls it makes and the packets that pass: in the whole
window, step by step, as `lab play` shows a page. On a private network every
port is free, and nobody else is there; so COMMAND may open raw and packet
sockets on it (CAP_NET_RAW), which elsewhere takes root.

Usage: lab observe [--plain] [--] COMMAND [ARGUMENTS...]

What you type goes into a second terminal on the same network: start a client
there, and talk to your server. Its calls are not watched, COMMAND's are; its
packets are. ^C and ^D go there too; a program that takes single keys, such as
an editor or `python3 -i`, gets each. Tab gives the keyboard to COMMAND, then
to the run, and Esc at once: there the arrows step, ^C ends COMMAND, and q
leaves. F1 says what each key does. The first event names the command that
joins from another window.

Into a pipe, or with --plain, it prints lines, each with the name of its lane;
what you type goes to the second terminal line by line, ^D closes that, and ^C
ends COMMAND. What COMMAND leaves behind when it ends, as a daemon does, is
watched until ^C.

  cargo run -p lab -- observe -- cargo run -p part-one-server
  telnet 127.0.0.1 6797

System calls take strace (Debian: strace); without it, or without user
namespaces, COMMAND runs with the lanes that this machine can show.

Options:
  --plain     lines instead of the whole window
  -h, --help  this text

Environment:
  NO_COLOR=1  no colours; a pipe or a file gets none anyway

Exit status: that of COMMAND; 0 if you leave before it ends; 127 if there is no
such program; 2 the laboratory could not work.
";

pub(crate) const ENTER_HELP: &str = "\
Opens a shell on the private network of a running `lab observe`.

Usage: lab enter PID

PID is in the first line of what `lab observe` prints. The shell is $SHELL.

Options:
  -h, --help  this text

Exit status: that of the shell; 2 the laboratory could not work.
";

pub(crate) const DOCTOR_HELP: &str = "\
Tries what the pages of the book take, and says what this machine can do and
what it cannot: namespaces, packets, calls, terminals, settings of the kernel,
each tool with its make and the package that brings the right one; and which
blocks of which pages would be NOT CHECKED here.

Usage: lab doctor

Options:
  -h, --help  this text

Environment:
  LAB_REQUIRE=all  what this machine cannot check is a failure

Exit status: 0 it has looked; 1 something cannot be checked and LAB_REQUIRE=all
is set; 2 the laboratory could not work.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_help_fits_80_columns() {
        for help in
            [HELP, CHECK_HELP, PLAY_HELP, RECORD_HELP, DRAW_HELP, OBSERVE_HELP, ENTER_HELP, DOCTOR_HELP]
        {
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }
}
