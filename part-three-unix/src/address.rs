//! What stands for an address on the command line, and how one is shown.

use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;

use common::arguments::Error;
use common::dump::Text;
use nix::libc::sockaddr_un;
use nix::sys::socket::UnixAddr;

/// How many bytes of a path fit into an address: `sun_path` less the NUL behind it, which is 107 on Linux and 103
/// elsewhere (`unix(7)`).
pub const LONGEST_PATH: usize = size_of::<sockaddr_un>() - offset_of!(sockaddr_un, sun_path) - 1;

/// A word as an address: a path or, on Linux, `@` and a name without a file. A file whose name begins with `@` is
/// written `./@`. Any bytes will do but NUL, which no argument holds.
///
/// # Errors
/// The word is empty or too long, or this system has no names without a file.
pub fn address(word: &OsStr) -> Result<UnixAddr, Error> {
    let bytes = word.as_bytes();
    let shown = Text(bytes);
    match bytes {
        [] | b"@" => {
            Err(Error::Unusable(format!("{shown} is not an address: write a path, or @ and a name")))
        }
        [b'@', ..] if cfg!(not(target_os = "linux")) => Err(Error::Unusable(format!(
            "{shown} is a name without a file, which only Linux has: write a path ('./@...' for a file of that name)"
        ))),
        [b'@', name @ ..] if name.len() > LONGEST_PATH => Err(Error::Unusable(format!(
            "{shown} has {} bytes behind the @, and the address of a Unix-domain socket holds {LONGEST_PATH} \
             (sun_path): choose a shorter name",
            name.len()
        ))),
        [b'@', ..] => {
            named(bytes).map_err(|errno| Error::Unusable(format!("{shown} is not an address: {errno}")))
        }
        _ if bytes.len() > LONGEST_PATH => Err(Error::Unusable(format!(
            "{shown} has {} bytes, and the address of a Unix-domain socket holds {LONGEST_PATH} (sun_path): \
             change the folder and write a relative path",
            bytes.len()
        ))),
        _ => named(bytes).map_err(|errno| Error::Unusable(format!("{shown} is not an address: {errno}"))),
    }
}

fn named(bytes: &[u8]) -> nix::Result<UnixAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = bytes.strip_prefix(b"@") {
        return UnixAddr::new_abstract(name);
    }
    UnixAddr::new(bytes)
}

/// Shows an address as it is written on the command line. A byte that is no UTF-8 and a character that a terminal
/// would obey stand as escapes, since a name may come from anybody.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(
    /// Our own address, or a peer's.
    pub &'a UnixAddr,
);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        #[cfg(target_os = "linux")]
        if let Some(name) = self.0.as_abstract() {
            f.write_str("@")?;
            return write_unquoted(f, name);
        }
        match self.0.path() {
            Some(path) => write_unquoted(f, path.as_os_str().as_bytes()),
            None => f.write_str("(no name)"),
        }
    }
}

fn write_unquoted(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let quoted = Text(bytes).to_string();
    f.write_str(quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(word: impl Into<Vec<u8>>) -> String {
        address(OsStr::from_bytes(&word.into()))
            .map_or_else(|stop| stop.to_string(), |address| Shown(&address).to_string())
    }

    #[test]
    fn an_address_is_shown_as_it_is_written() {
        assert_eq!(shown("echo.sock"), "echo.sock");
        assert_eq!(shown("./@file"), "./@file");
        assert_eq!(shown("Grüße \"you\"\n\u{1b}"), r#"Grüße \"you\"\n\u{1b}"#);
        assert_eq!(shown(*b"not-utf-8-\xff"), r"not-utf-8-\xff");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_at_sign_is_a_name_without_a_file() {
        assert_eq!(shown("@echo"), "@echo");
        assert_eq!(shown(*b"@\xff"), r"@\xff");
        assert_eq!(address(OsStr::new("@echo")).unwrap().as_abstract(), Some(&b"echo"[..]));
    }

    #[test]
    fn the_limit_is_named() {
        assert_eq!(shown("x".repeat(LONGEST_PATH)), "x".repeat(LONGEST_PATH));
        let refused = shown("x".repeat(LONGEST_PATH + 1));
        assert!(refused.contains(&format!("has {} bytes", LONGEST_PATH + 1)), "{refused}");
        assert!(refused.contains(&format!("holds {LONGEST_PATH}")), "{refused}");
    }

    #[test]
    fn nothing_is_no_address() {
        assert_eq!(shown(""), r#""" is not an address: write a path, or @ and a name"#);
        assert_eq!(shown("@"), r#""@" is not an address: write a path, or @ and a name"#);
    }
}
