//! What this machine can and cannot do for the book, asked and tried, not guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use crate::book::block::Kind;
use crate::book::page::Page;
use crate::check;
use crate::error::Result;
use crate::missing::Missing;
use crate::network;
use crate::observe::syscalls;
use crate::replay::machine;
use crate::tools::TOOLS;

/// Settings of the kernel that tests of the parts rely on; those of pages are found on the pages.
const SETTINGS: [&str; 8] = [
    "net.core.somaxconn",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_timestamps",
    "net.ipv6.bindv6only",
    "net.ipv6.conf.lo.disable_ipv6",
    "net.unix.max_dgram_qlen",
];

/// How much of a tool's own words is shown, in characters: some name every library that they use.
const LONGEST: usize = 72;

/// What was found.
#[derive(Debug)]
pub struct Findings {
    /// For people to read.
    pub text: String,
    /// How many blocks of the book this machine cannot check.
    pub gaps: usize,
}

/// Looks at this machine, and at the book in `root`. Call it before there is any thread.
///
/// # Errors
/// The book cannot be read.
pub fn examine(root: &Path) -> Result<Findings> {
    let pages = check::book(root)?.iter().map(|path| Page::read(root, path)).collect::<Result<Vec<_>>>()?;
    let mut text = String::new();
    // As long as we are on the machine's own network.
    let settings: Vec<String> = settings(&pages).into_iter().map(setting).collect();
    let tools: Vec<String> = TOOLS.iter().map(tool).collect();
    let user = row("user", &user());
    let no_network = network::missing()?;
    let taken: Vec<Option<Missing>> =
        pages.iter().map(|page| machine::lacks_all(page, no_network.as_ref())).collect();
    let entered = if no_network.is_none() { network::try_private() } else { Ok(()) };

    let no_capture = no_network.clone().or_else(no_capture);
    let no_calls = syscalls::available().err();
    section(
        &mut text,
        "This machine",
        [
            row("kernel", &kernel()),
            user,
            row("networks", &verdict(no_network.as_ref(), "a private one for each page")),
            row("packets", &verdict(no_capture.as_ref(), "captured without root")),
            row("calls", &verdict(no_calls.as_ref(), "traced by strace")),
            row("folder", &folder()),
            row("limits", &limits()),
            row("terminals", &verdict(machine::no_terminal().as_ref(), "pseudoterminals")),
            row("IPv6", &verdict(machine::no_ipv6().as_ref(), "::1 on the network that pages get")),
        ],
    );
    if let Err(error) = entered {
        section(&mut text, "A private network was refused", [format!("  {:#}\n", anyhow::Error::new(error))]);
    }
    section(&mut text, "Settings, as they are outside of private networks", settings);
    section(&mut text, "Tools", tools);

    let mut reasons: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let mut gaps = 0;
    for (page, all) in pages.iter().zip(taken) {
        for missing in gaps_of(page, all, no_network.as_ref(), no_capture.as_ref(), no_calls.as_ref()) {
            gaps += 1;
            let pages = reasons.entry(missing.to_string()).or_default();
            *pages.entry(page.path.display().to_string()).or_default() += 1;
        }
    }
    let blocks: usize = pages.iter().map(|page| page.played().count()).sum();
    let rows = reasons.iter().map(|(reason, pages)| {
        let pages: Vec<String> = pages.iter().map(|(page, count)| format!("    {page}: {count}\n")).collect();
        format!("  {reason}\n{}", pages.concat())
    });
    section(&mut text, &format!("NOT CHECKED here: {gaps} of the {blocks} blocks that are played"), rows);
    Ok(Findings { text, gaps })
}

/// What of the page cannot be checked, block by block, as a replay finds it: behind a command that cannot be run nothing
/// is played.
fn gaps_of(
    page: &Page,
    all: Option<Missing>,
    no_network: Option<&Missing>,
    no_capture: Option<&Missing>,
    no_calls: Option<&Missing>,
) -> Vec<Missing> {
    let mut stop = all;
    let gap = |(_, block): (usize, &crate::book::block::Block)| {
        if stop.is_none() {
            stop = match &block.kind {
                Kind::Console(console) if console.capabilities.is_empty() => machine::lacks(console),
                Kind::Console(console) => no_network.cloned().or_else(|| machine::lacks(console)),
                Kind::Link { .. } | Kind::Setting { .. } => no_network.cloned(),
                _ => None,
            };
        }
        stop.clone().or_else(|| match &block.kind {
            Kind::Calls(_) => no_calls.cloned(),
            Kind::Packets(_) | Kind::Frame(..) | Kind::Payload(..) => no_capture.cloned(),
            _ => None,
        })
    };
    page.played().filter_map(gap).collect()
}

fn section(text: &mut String, title: &str, rows: impl IntoIterator<Item = String>) {
    let gap = if text.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{gap}{title}"); // a String takes everything
    text.extend(rows);
}

fn row(name: &str, what: &str) -> String {
    format!("  {name:<10} {what}\n")
}

fn verdict(missing: Option<&Missing>, here: &str) -> String {
    missing.map_or_else(|| format!("yes: {here}"), |missing| format!("NO: {missing}"))
}

fn kernel() -> String {
    let word = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
    nix::sys::utsname::uname().map_or_else(
        |errno| errno.to_string(),
        |names| [names.sysname(), names.release(), names.machine()].map(word).join(" "),
    )
}

fn user() -> String {
    match nix::unistd::geteuid() {
        root if root.is_root() => "root; programs on pages get none of its privileges".to_owned(),
        user => format!("an ordinary one (uid {user})"),
    }
}

fn folder() -> String {
    match harness::folder::tempdir() {
        Ok(folder) => format!("yes: a page gets one such as {}", folder.path().display()),
        Err(error) => format!("NO: {error}"),
    }
}

fn limits() -> String {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
    format!("{soft} descriptors, {hard} at most")
}

/// A packet socket is refused, on the private network that we are in.
fn no_capture() -> Option<Missing> {
    let tried = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll);
    let errno = tried.err()?;
    Some(Missing { what: format!("no packets: socket AF_PACKET: {errno}"), remedy: None })
}

fn settings(pages: &[Page]) -> BTreeSet<&str> {
    let of_pages = pages.iter().flat_map(|page| {
        let blocks = page.blocks.iter().filter_map(|block| match &block.kind {
            Kind::Setting { name, .. } => Some(name.as_str()),
            _ => None,
        });
        page.settings.sysctls.iter().map(|(name, _)| name.as_str()).chain(blocks)
    });
    SETTINGS.into_iter().chain(of_pages).collect()
}

fn setting(name: &str) -> String {
    format!(
        "  {name} = {}\n",
        network::get(name).unwrap_or_else(|| "(this kernel has no such setting)".into())
    )
}

fn tool(tool: &crate::tools::Tool) -> String {
    let what = match (tool.missing(), tool.make()) {
        (Some(missing), _) => format!("NO: {missing}"),
        (None, make) => {
            let make = make.unwrap_or_else(|| "it does not say its version".into());
            format!("yes: {}", make.chars().take(LONGEST).collect::<String>())
        }
    };
    row(tool.name, &what)
}
