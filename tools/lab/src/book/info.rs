//! The info string of a fence: what is to be done with the block, in words after the language.

use crate::book::block::{Console, Input, Kind, LinkChange, Step, Unchecked, Which};
use crate::privilege;
use crate::record::event::Interface;

/// The words after the language, each `name` or `name=value`.
struct Words(Vec<(String, Option<String>)>);

impl Words {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let words =
            shell_words::split(text).map_err(|_| "a quote in the info string is not closed".to_owned())?;
        Ok(Self(
            words
                .into_iter()
                .map(|word| match word.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (word, None),
                })
                .collect(),
        ))
    }

    /// The value of `name=value`, taken out.
    fn value(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(word, value)| word == name && value.is_some())?;
        self.0.remove(at).1
    }

    /// Whether `name` stands there alone, taken out.
    fn flag(&mut self, name: &str) -> bool {
        let at = self.0.iter().position(|(word, value)| word == name && value.is_none());
        at.map(|at| self.0.remove(at)).is_some()
    }

    /// The first word without a value, taken out.
    fn first(&mut self) -> Option<String> {
        let at = self.0.iter().position(|(_, value)| value.is_none())?;
        Some(self.0.remove(at).0)
    }

    /// The interface that `host=` names, taken out: `alice` or `middle.eth1`.
    fn interface(&mut self) -> Interface {
        match self.value("host") {
            None => Interface::loopback(),
            Some(host) => match host.split_once('.') {
                None => Interface { host, name: "eth0".into() },
                Some((host, name)) => Interface { host: host.into(), name: name.into() },
            },
        }
    }

    /// Nothing may be left.
    fn end(self, kind: Kind) -> std::result::Result<Kind, String> {
        match self.0.into_iter().next() {
            None => Ok(kind),
            Some((name, None)) => Err(format!("unknown word `{name}` after the language")),
            Some((name, Some(value))) => Err(format!("unknown word `{name}={value}` after the language")),
        }
    }
}

/// What a link block shows, before the interface and its change.
const LINK: &str = "# ip link set ";
/// What a block of a setting shows, before its name and value.
const SYSCTL: &str = "# sysctl -w ";

/// Languages that claim to be commands, output or our own code, and so must be checked or excused.
const CHECKED: [&str; 7] = ["", "console", "sh", "bash", "shell", "rust", "text"];

/// What the block with this info string and these lines is.
///
/// # Errors
/// What the page says wrongly, as a sentence.
pub fn kind_of(info: &str, lines: &[String]) -> std::result::Result<Kind, String> {
    let (language, rest) = info.trim().split_once(char::is_whitespace).unwrap_or((info.trim(), ""));
    let mut words = Words::parse(rest)?;
    if let Some(reason) = words.value("norun") {
        return match reason.trim() {
            "" => Err("norun gives no reason".into()),
            _ => Ok(Kind::Unchecked(Unchecked::Excused(reason))),
        };
    }
    if let Some(from) = words.value("from") {
        let (file, region) = match from.split_once('#') {
            Some((file, region)) => (file.to_owned(), Some(region.to_owned())),
            None => (from, None),
        };
        return words.end(Kind::Excerpt { file, region });
    }
    match language {
        "console" => console(words, lines),
        "text" => {
            if let Some(terminal) = words.value("syscalls") {
                words.end(Kind::Calls(terminal))
            } else if let Some(which) = words.value("frame") {
                let which = packet("frame", &which)?;
                let interface = words.interface();
                words.end(Kind::Frame(interface, which))
            } else if let Some(which) = words.value("payload") {
                let which = packet("payload", &which)?;
                let interface = words.interface();
                words.end(Kind::Payload(interface, which))
            } else if let Some(change) = words.value("link") {
                let link = link(words.interface(), &change, lines)?;
                words.end(link)
            } else if let Some(setting) = words.value("sysctl") {
                let setting = self::setting(words.value("host").unwrap_or_default(), &setting, lines)?;
                words.end(setting)
            } else if words.flag("packets") {
                if lines.is_empty() {
                    return Err("a block of packets shows at least one, or `(none)`".to_owned());
                }
                let interface = words.interface();
                words.end(Kind::Packets(interface))
            } else if words.flag("figure") {
                words.end(Kind::Unchecked(Unchecked::Figure))
            } else {
                Err(unexcused(language))
            }
        }
        language if CHECKED.contains(&language) => Err(unexcused(language)),
        language => Ok(Kind::Unchecked(Unchecked::Language(language.to_owned()))),
    }
}

fn packet(word: &str, which: &str) -> std::result::Result<Which, String> {
    which.parse().map_err(|()| format!("{word}={which}: neither `data` nor a number from 1 on"))
}

fn link(interface: Interface, change: &str, lines: &[String]) -> std::result::Result<Kind, String> {
    let mtu = change.strip_prefix("mtu ").map(str::parse);
    let change = match (change, mtu) {
        ("up", _) => LinkChange::Up,
        ("down", _) => LinkChange::Down,
        (_, Some(Ok(bytes))) => LinkChange::Mtu(bytes),
        _ => return Err(format!("link={change}: neither `up` nor `down` nor `mtu BYTES`")),
    };
    let shown = format!("{LINK}{} {change}", interface.name);
    if lines.concat() == shown {
        Ok(Kind::Link { interface, change })
    } else {
        Err(format!("a block of link={change} shows `{shown}`"))
    }
}

fn setting(host: String, setting: &str, lines: &[String]) -> std::result::Result<Kind, String> {
    let Some((name, value)) = setting.split_once('=').filter(|(_, value)| !value.is_empty()) else {
        return Err(format!("sysctl={setting}: it is sysctl=NAME=VALUE"));
    };
    let quote = if value.contains(char::is_whitespace) { "\"" } else { "" };
    let shown = format!("{SYSCTL}{name}={quote}{value}{quote}");
    if lines.concat() == shown {
        Ok(Kind::Setting { host, name: name.to_owned(), value: value.to_owned() })
    } else {
        Err(format!("a block of sysctl={setting} shows `{shown}`"))
    }
}

fn unexcused(language: &str) -> String {
    let language =
        if language.is_empty() { "block without a language" } else { &format!("{language} block") };
    format!("this {language} is neither checked nor excused with norun=\"why\"")
}

fn console(mut words: Words, lines: &[String]) -> std::result::Result<Kind, String> {
    let trace = words.flag("trace");
    let calls = words.value("calls");
    let capabilities = words.value("cap").unwrap_or_default();
    let capabilities = capabilities.split(',').filter(|name| !name.is_empty()).map(privilege::named);
    let capabilities = capabilities.collect::<std::result::Result<_, _>>()?;
    let typed = words.value("type");
    let exit = words.value("exit");
    let Some(terminal) = words.first() else {
        return Err(unexcused("console"));
    };
    if calls.is_some() && !trace {
        return Err("calls= belongs to trace".into());
    }
    let exit = match exit.map(|exit| exit.parse::<u8>()) {
        None => None,
        Some(Ok(status)) => Some(i32::from(status)),
        Some(Err(_)) => return Err("exit= wants a status from 0 to 255".into()),
    };
    let mut steps = vec![Step { input: typed.map_or(Input::Nothing, input), expected: 0..0 }];
    for (index, line) in lines.iter().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { input: Input::Command(command.to_owned()), expected: index + 1..index + 1 });
        } else if let Some(step) = steps.last_mut() {
            step.expected.end = index + 1;
        }
    }
    if steps.len() > 1
        && steps.first().is_some_and(|step| step.input == Input::Nothing && step.expected.is_empty())
    {
        steps.remove(0);
    }
    words.end(Kind::Console(Console {
        terminal,
        trace,
        calls: calls.iter().flat_map(|calls| calls.split(',')).map(|call| call.trim().to_owned()).collect(),
        capabilities,
        exit,
        steps,
    }))
}

/// `^C` and its like are one key; everything else is text.
fn input(typed: String) -> Input {
    match typed.as_bytes() {
        [b'^', key @ b'@'..=b'_'] => Input::Control(key & 0x1f),
        _ => Input::Text(typed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_and_a_letter_are_one_key() {
        assert_eq!(input("^C".into()), Input::Control(3));
        assert_eq!(input("^]".into()), Input::Control(0x1d));
        assert_eq!(input("^Cx".into()), Input::Text("^Cx".into()));
    }

    #[test]
    fn a_setting_of_several_numbers_is_quoted() {
        let shown = ["# sysctl -w net.ipv4.tcp_rmem=\"4096 8192 16384\"".to_owned()];
        let kind = kind_of("text sysctl=\"net.ipv4.tcp_rmem=4096 8192 16384\"", &shown);
        let Ok(Kind::Setting { host, name, value }) = kind else { panic!("{kind:?}") };
        assert_eq!(
            (host.as_str(), name.as_str(), value.as_str()),
            ("", "net.ipv4.tcp_rmem", "4096 8192 16384")
        );
    }

    #[test]
    fn a_link_block_shows_what_it_does() {
        for (info, shown) in [
            ("text link=down", "# ip link set lo down"),
            ("text link=up host=alice", "# ip link set eth0 up"),
            ("text link=\"mtu 576\" host=middle.eth1", "# ip link set eth1 mtu 576"),
        ] {
            assert!(matches!(kind_of(info, &[shown.to_owned()]), Ok(Kind::Link { .. })), "{info}");
            let fault = kind_of(info, &["$ something else".to_owned()]).expect_err("a fault");
            assert!(fault.ends_with(&format!(" shows `{shown}`")), "{fault}");
        }
        assert_eq!(
            kind_of("text link=gone", &[]).expect_err("a fault"),
            "link=gone: neither `up` nor `down` nor `mtu BYTES`"
        );
    }
}
