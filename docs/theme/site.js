// What the site's pages do, beyond mdBook's own script. Without it they read as well.
"use strict";

(() => {
    // The first thing that Tab reaches.
    const content = document.getElementById("mdbook-content");
    if (content) {
        content.tabIndex = -1;
        const skip = document.createElement("a");
        skip.className = "skip";
        skip.href = "#mdbook-content";
        skip.textContent = "Skip to the text";
        document.body.prepend(skip);
    }

    // mdBook's button for the table of contents is a label, which no key reaches.
    const contents = document.getElementById("mdbook-sidebar-toggle");
    if (contents) {
        contents.tabIndex = 0;
        contents.setAttribute("role", "button");
        contents.addEventListener("keydown", event => {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            contents.click();
        });
    }

    // Light, dark, and what the system prefers: mdBook's other themes would be the same again.
    for (const name of ["rust", "coal", "ayu"]) document.getElementById("mdbook-theme-" + name)?.parentElement.remove();
    for (const [name, words] of [["default_theme", "As the system"], ["navy", "Dark"]]) {
        const button = document.getElementById("mdbook-theme-" + name);
        if (button) button.textContent = words;
    }

    // What scrolls sideways can be reached and named without a mouse; what does not is no stop on the way.
    const wide = document.querySelectorAll("pre.wide, .source pre, .columns, .table-wrapper, main p:has(> .checkbox-label)");
    const stops = () => {
        for (const box of wide) {
            if (box.scrollWidth > box.clientWidth) {
                box.tabIndex = 0;
                box.setAttribute("role", "region");
                box.setAttribute("aria-label", (box.closest(".block")?.querySelector("figcaption .words")?.textContent ?? (box.matches("p") ? "picture" : "table")) + ", scrolls sideways");
            } else {
                for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
            }
        }
    };
    addEventListener("resize", stops);
    document.addEventListener("toggle", stops, true);
    stops();

    // Copied from a terminal is what one types there, not what appears.
    document.addEventListener("click", event => {
        const button = event.target.closest?.(".clip-button");
        const typed = button?.closest("pre").querySelectorAll("kbd") ?? [];
        if (typed.length === 0) return;
        event.stopImmediatePropagation();
        navigator.clipboard?.writeText(Array.from(typed, line => line.textContent).join("\n"));
    }, true);
})();
