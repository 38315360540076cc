// A recorded run, step by step, in five files. This one has the small things that the others are made of; player.js is
// the one that puts all of it together.
"use strict";

const Player = {};

/** An element with these properties or attributes, and with these children. */
Player.make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value == null) continue;
        if (name in node && name !== "style") node[name] = value;
        else node.setAttribute(name, value);
    }
    node.append(...children.filter(child => child != null));
    return node;
};

Player.div = (className, ...children) => Player.make("div", { className }, ...children);
Player.span = (className, ...children) => Player.make("span", { className }, ...children);
Player.title = (...text) => Player.make("p", { className: "title" }, ...text);

/** A button; player.js knows what it does from `act`. */
Player.button = (act, label, ...children) =>
    Player.make("button", { type: "button", ariaLabel: label, "data-do": act }, ...children);

/** A table with this head; `rows` are elements. */
Player.table = (head, rows) => {
    const { make } = Player;
    const names = head.map(text => make("th", { scope: "col" }, text));
    return make(
        "table",
        {},
        make("thead", {}, make("tr", {}, ...names)),
        rows.localName === "tbody" ? rows : make("tbody", {}, ...rows),
    );
};

Player.cells = (...texts) => Player.make("tr", {}, ...texts.map(text => Player.make("td", {}, text)));

/** A byte in two digits. */
Player.hex = value => value.toString(16).padStart(2, "0");

/** A byte as a character, one that can be seen. */
Player.character = value => {
    const named = { 9: "\\t", 10: "\\n", 13: "\\r", 32: "␣" }[value];
    return named ?? (value > 32 && value < 127 ? String.fromCharCode(value) : "·");
};

/** The class that gives an end its colour: a router has one for itself, what is nobody's that of the wire. */
Player.colour = (ends, end) => {
    if (end == null) return "wire";
    if (ends[end].is_router) return "router";
    return "e" + Math.min(ends.slice(0, end).filter(other => !other.is_router).length, 2);
};

/** The first end stands to the left of its kernel, all others to the right of theirs. */
Player.side = end => (end ? "right" : "left");

/** A socket that is in no state, or has just left its last one. */
Player.isOver = state => !state || state === "CLOSED";

Player.KINDS = {
    typed: "you",
    line: "terminal",
    ended: "terminal",
    table: "socket table",
    call: "system call",
    return: "system call",
    packet: "packet",
    note: "note",
};
