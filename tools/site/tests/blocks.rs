//! What a page becomes on the site: its blocks, and what is no block.

mod support;

use support::Site;
use support::browser::Result;

const WHAT: &str = "a page on the site";

/// The page as the site has it; none where there is no mdbook.
fn built(page: &str) -> Result<Option<String>> {
    let book = support::book(page)?;
    let Some(site) = Site::of(&book.path().join("docs"), WHAT)? else { return Ok(None) };
    Ok(Some(std::fs::read_to_string(site.path().join("a.html"))?))
}

#[test]
fn a_block_that_nobody_understands_ends_the_build() {
    let fault = match built("# A\n\n```text\nwhat is this?\n```\n") {
        Err(fault) => fault.to_string(),
        Ok(None) => return,
        Ok(Some(html)) => panic!("it was built: {html}"),
    };
    assert!(fault.contains("docs/a.md: line 3: this text block is neither checked nor excused"), "{fault}");
}

#[test]
fn a_terminal_has_its_name_and_what_is_typed_stands_out() -> Result<()> {
    let page = "# A\n\n1. First\n\n   ```console client type=\"<b>\"\n   <b>\n   out\n\n   $ ls\n   ```\n\n\
                ```console server type=\"^C\"\n^CStopped\n```\n";
    let Some(html) = built(page)? else { return Ok(()) };
    for piece in [
        "<figure class=\"block client\">",
        "<span class=\"mark\" aria-hidden=\"true\">●</span> <span class=\"words\">client</span>",
        "<span class=\"line typed\"><kbd>&lt;b&gt;</kbd>\n</span><span class=\"line\">out\n</span><span class=\"line\">\n</span>",
        "<span class=\"line typed\"><span class=\"prompt\">$ </span><kbd>ls</kbd>\n</span></code></pre>",
        "<span class=\"line typed\"><kbd class=\"key\">^C</kbd>Stopped\n</span>",
    ] {
        assert!(html.contains(piece), "{piece} is not in {html}");
    }
    Ok(())
}

#[test]
fn what_a_terminal_does_not_show_is_typed_too() -> Result<()> {
    let page = "# A\n\n```console client type=\"\"\n\nout\n```\n\n```console client type=\"^D\"\n```\n";
    let Some(html) = built(page)? else { return Ok(()) };
    for piece in [
        "<span class=\"line typed\"><kbd></kbd>\n</span><span class=\"line\">out\n</span></code></pre>",
        "<code class=\"nohighlight\"><span class=\"line typed\"><kbd class=\"key\">^D</kbd>\n</span></code></pre>",
    ] {
        assert!(html.contains(piece), "{piece} is not in {html}");
    }
    Ok(())
}

#[test]
fn columns_and_names_stay_whole() -> Result<()> {
    let page = "# The `a-b`\n\n| a |\n|-|\n| `ss -t \\| wc` |\n\n*See* `--_x_ [y](z) -- *w*`.\nA\n: b\n\n```console client\n$ \
                life-end --on\na  b  c\nd  e  f\n  12 34    two words\n```\n";
    let Some(html) = built(page)? else { return Ok(()) };
    for piece in [
        "<td><code>ss <span class=\"whole\">-t</span> | wc</code></td>",
        "<em>See</em> <code><span class=\"whole\">--_x_</span> [y](z) <span class=\"whole\">--</span> *w*</code>.\nA\n: b</p>",
        "<kbd><span class=\"whole\">life-end</span> <span class=\"whole\">--on</span></kbd>",
        "<span class=\"columns\"><span class=\"line\" style=\"--hang:6ch\">a  b  c\n</span>\
         <span class=\"line\" style=\"--hang:6ch\">d  e  f\n</span></span>\
         <span class=\"line\" style=\"--hang:11ch\">  12 34    two words\n</span>",
        "<h1 id=\"the-a-b\">",
    ] {
        assert!(html.contains(piece), "{piece} is not in {html}");
    }
    Ok(())
}

#[test]
fn an_excerpt_links_its_lines() -> Result<()> {
    let book = support::book("# A\n\n```rust from=src/main.rs#two()\nfn two() {\n}\n```\n")?;
    std::fs::create_dir(book.path().join("src"))?;
    std::fs::write(book.path().join("src/main.rs"), "fn one() {\n}\n\nfn two() {\n}\n")?;
    let Some(site) = Site::of(&book.path().join("docs"), WHAT)? else { return Ok(()) };
    let html = std::fs::read_to_string(site.path().join("a.html"))?;
    let link = "<a class=\"words\" href=\"source/src/main.rs.html#L4\">src/main.rs</a> <span class=\"lines\">lines 4–5</span>";
    assert!(html.contains(link), "{html}");
    let file = std::fs::read_to_string(site.path().join("source/src/main.rs.html"))?;
    assert!(file.contains("<a id=\"L5\" href=\"#L5\">5</a>"), "{file}");

    // Where the repository has an address, its files are read there.
    let settings = book.path().join("docs/book.toml");
    let text = std::fs::read_to_string(&settings)?;
    std::fs::write(&settings, text.replace("# git-repository-url", "git-repository-url"))?;
    let Some(site) = Site::of(&book.path().join("docs"), WHAT)? else { return Ok(()) };
    let html = std::fs::read_to_string(site.path().join("a.html"))?;
    assert!(html.contains("href=\"https://forge.example/sockets/blob/main/src/main.rs#L4-L5\""), "{html}");
    assert!(!site.path().join("source/src").exists());
    Ok(())
}

/// A network follows only a whole address, so without one there is no picture.
#[test]
fn the_picture_of_the_card_has_a_whole_address_or_none() -> Result<()> {
    let Some(html) = built("# A\n")? else { return Ok(()) };
    assert!(html.contains("<meta property=\"og:title\" content=\"A"), "{html}");
    assert!(!html.contains("og:image") && !html.contains("{{"), "{html}");
    // What CONTRIBUTING.md says to do where the site has an address.
    let book = support::book("# A\n")?;
    let head = book.path().join("docs/theme/head.hbs");
    let text = std::fs::read_to_string(&head)?;
    let (before, comment) = text.split_once("{{!--").ok_or("no comment")?;
    let (_, lines) = comment.split_once("three:").ok_or("no explanation")?;
    std::fs::write(&head, format!("{before}{}", lines.replace("--}}", "")))?;
    let Some(site) = Site::of(&book.path().join("docs"), WHAT)? else { return Ok(()) };
    let html = std::fs::read_to_string(site.path().join("a.html"))?;
    let card = "<meta property=\"og:image\" content=\"https://sockets.example/theme/card.png\">";
    assert!(html.contains(card) && !html.contains("take away"), "{html}");
    assert!(site.path().join("theme/card.png").exists());
    Ok(())
}
