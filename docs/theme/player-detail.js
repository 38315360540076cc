// What one step of a recorded run is about: a packet header by header, a call with its arguments, words of a terminal;
// and what is true at that step of every socket and every descriptor.
"use strict";

(() => {
    const { make, div, span, title, table, cells, hex, character, colour, isOver } = Player;

    /** How much of a payload is shown byte by byte, and how many bytes of a frame. */
    const PAYLOAD = 64;
    const FRAME = 128;

    /** The elements that show what a row is about. */
    Player.detail = (row, { ends }) => {
        const own = colour(ends, row.end);
        if (row.bytes) return packet(row);
        if (row.kind === "call" || row.kind === "return") return call(row, own);
        return words(row, own);
    };

    function call(row, own) {
        const given = row.arguments ?? [];
        const result = row.until == null ? ` = ${row.result}` : " …";
        const name = make("b", {}, row.label.split("(")[0]);
        const all = given.map(([value]) => value).join(", ");
        const explained = given.flatMap(([value, what]) => [make("dt", {}, value), make("dd", {}, what)]);
        return [
            make("pre", { className: own }, name, `(${all})`, span("result", result)),
            make("dl", {}, ...explained),
        ];
    }

    function words(row, own) {
        const isCommand = row.kind === "table" || row.label.startsWith("$ ");
        const lines = (row.lines ?? []).flatMap((text, at) => [
            at ? "\n" : "",
            at === 0 && isCommand ? make("b", {}, "$ " + text) : text,
        ]);
        const name = "What the terminal shows";
        return [make("pre", { className: `words ${own}`, tabIndex: 0, ariaLabel: name }, ...lines)];
    }

    // A packet: its fields to the left, its bytes to the right. What is pointed at is marked everywhere.
    function packet(row) {
        const bytes = row.bytes.match(/../g).map(pair => parseInt(pair, 16));
        const [from, length] = row.payload ?? [0, 0];
        const shown = Math.min(length, PAYLOAD);
        const marks = bytes.map(() => []); // by byte: its cells
        const fields = []; // each field: its first byte, its length, its line

        const point = (start, size) => {
            marks.forEach((nodes, at) => {
                for (const node of nodes) node.classList.toggle("on", at >= start && at < start + size);
            });
            for (const field of fields) {
                const isOn = field.start < start + size && start < field.start + field.size;
                field.line.classList.toggle("on", isOn);
            }
        };
        const mark = (node, at) => {
            node.onmouseenter = () => point(at, 1);
            marks[at].push(node);
            return node;
        };

        const list = fieldList();
        const right = div("", title(frameTitle()), dump());
        if (length) {
            const part = shown < length ? `, its first ${shown} of ${length} bytes` : "";
            right.append(title("The payload three ways", part), threeWays());
        }
        const flags = row.fields.find(([, , text]) => text.startsWith("flags"));
        if (length) point(from, shown);
        else if (flags) point(flags[0], flags[1]);
        return [list, right];

        function fieldList() {
            const body = make("tbody");
            let header = 0;
            for (const [start, size, text] of row.fields) {
                if (size) {
                    body.append(field(start, size, text));
                } else {
                    header++;
                    const name = make("th", { colSpan: 3, scope: "rowgroup" }, span(`chip h${header}`), text);
                    body.append(make("tr", { className: "header" }, name));
                }
            }
            for (let at = from; at < from + shown; at += 8) {
                const size = Math.min(8, from + shown - at);
                const text = bytes.slice(at, at + size).map(character).join("");
                body.append(field(at, size, `“${text}”`));
            }
            const box = make("div", { className: "fields", tabIndex: 0, role: "region" });
            box.ariaLabel = "Header by header";
            box.append(table(["byte", "hex", "meaning"], body));
            return box;
        }

        function field(start, size, text) {
            const open = make("button", { type: "button" }, text);
            const where = size > 1 ? `${start}–${start + size - 1}` : `${start}`;
            const first = bytes.slice(start, start + Math.min(size, 8)).map(hex).join(" ");
            const line = cells(where, first + (size > 8 ? " …" : ""), open);
            line.onmouseenter = open.onfocus = open.onclick = () => point(start, size);
            fields.push({ start, size, line });
            return line;
        }

        // How many bytes at the end are not shown: all of a long payload but its beginning.
        function leftOut() {
            return from + shown < bytes.length ? Math.max(0, bytes.length - Math.max(from + shown, FRAME)) : 0;
        }

        function frameTitle() {
            const more = leftOut() ? `; ${leftOut()} more of the payload are not shown` : "";
            return `The frame, ${bytes.length} bytes${more}`;
        }

        // The frame in hexadecimal digits, each header in its own shade.
        function dump() {
            const shades = bytes.map(() => "p");
            let header = 0;
            for (const [start, size] of row.fields) {
                if (size) shades.fill(header, start, start + size);
                else header++;
            }
            const all = make("div", { className: "hex", role: "img" });
            all.ariaLabel = `${bytes.length} bytes, hexadecimal`;
            bytes.slice(0, bytes.length - leftOut()).forEach((value, at) => {
                if (at % 16 === 0) all.append(span("offset", hex(at)));
                all.append(mark(span(`h${shades[at]}`, hex(value)), at));
            });
            return all;
        }

        // Decimal, hexadecimal and character, sixteen bytes at a time. The characters are buttons, for the keyboard.
        function threeWays() {
            const body = make("tbody");
            const line = (name, begin, cell) => {
                const values = bytes.slice(from + begin, from + Math.min(begin + 16, shown));
                const cells = values.map((value, index) => {
                    const nth = begin + index;
                    return mark(make("td", {}, cell(value, nth)), from + nth);
                });
                body.append(make("tr", {}, make("th", { scope: "row" }, name), ...cells));
            };
            const letter = (value, nth) => {
                const open = make("button", { type: "button" }, character(value));
                open.ariaLabel = `Byte ${nth + 1}: ${value}, ${hex(value)}, ${character(value)}`;
                open.onfocus = open.onclick = () => point(from + nth, 1);
                return open;
            };
            for (let begin = 0; begin < shown; begin += 16) {
                line("decimal", begin, value => `${value}`);
                line("hex", begin, hex);
                line("character", begin, letter);
            }
            return make("table", { className: "three" }, body);
        }
    }

    /** What is true at a step: tables of all sockets and descriptors, and the states of each end's sockets. */
    Player.facts = (step, { ends, rows, sockets }) => {
        const live = new Map(); // by socket: its last change, and in which row that was
        const open = new Map(); // by process: number and kind of its descriptors
        const owner = new Map(); // by process: its end
        rows.slice(0, step + 1).forEach((row, at) => {
            for (const change of row.sockets ?? []) live.set(change.socket, { ...change, at });
            if (row.process != null) owner.set(row.process, row.end);
            for (const [process, number, what] of row.descriptors ?? []) {
                if (!open.has(process)) open.set(process, new Map());
                if (what) open.get(process).set(number, what);
                else open.get(process).delete(number);
            }
        });
        const name = end => span(colour(ends, end), ends[end].name);
        const arrow = text => text.replace(" to ", " → ");
        const line = (isNew, ...texts) => {
            const row = cells(...texts);
            if (isNew) row.className = "on";
            return row;
        };
        const part = (text, head, lines) =>
            div("", title(text), lines.length ? table(head, lines) : make("p", { className: "none" }, "none yet"));

        const seen = [...live.values()].filter(({ state, at }) => state && (!isOver(state) || at === step));
        const socketLines = seen.map(({ socket, state, receive, send, at }) => {
            const { end, name: address } = sockets[socket];
            const queues = [receive, send].map(queue => `${queue ?? ""}`);
            return line(at === step, name(end), arrow(address), make("b", {}, state), ...queues);
        });
        const changed = (rows[step].descriptors ?? []).map(([process, number]) => `${process} ${number}`);
        const descriptorLines = [...open].flatMap(([process, numbers]) => {
            const inOrder = [...numbers].sort(([a], [b]) => a - b);
            const whose = () => (owner.has(process) ? name(owner.get(process)) : `${process}`);
            return inOrder.map(([number, what]) =>
                line(changed.includes(`${process} ${number}`), whose(), `${number}`, arrow(what)),
            );
        });
        return {
            tables: [
                part("Sockets", ["of", "address", "state", "Recv-Q", "Send-Q"], socketLines),
                part("Descriptors, beside 0, 1 and 2", ["of", "number", "what it is"], descriptorLines),
            ],
            states: ends.map((_, end) =>
                seen
                    .filter(({ socket, state }) => sockets[socket].end === end && !isOver(state))
                    .map(({ state }) => span("", state)),
            ),
        };
    };
})();
