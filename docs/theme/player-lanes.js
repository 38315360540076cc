// The lanes of a recorded run: one grid, one row an event. Each end has a lane for its program and one for its kernel,
// and between two kernels the packets fly.
"use strict";

(() => {
    const { make, div, span, colour, side, isOver, KINDS } = Player;
    const still = matchMedia("(prefers-reduced-motion: reduce)");

    /** The lanes of a scene; `choose` is called with the row that somebody clicks. */
    Player.lanes = (scene, choose) => {
        const { ends, rows, sockets } = scene;
        const last = rows.length - 1;
        const names = make("div", { className: "names", ariaHidden: "true" });
        const grid = make("div", { className: "grid", role: "group", ariaLabel: "Every step, in order" });
        const box = make("div", { className: "lanes", role: "group", ariaLabel: "Lanes" }, names, grid);

        // Which column of the grid is what, counted from 1.
        const column = ends.map((_, end) =>
            end === 0 ? { program: 1, kernel: 2 } : { kernel: 3 * end + 1, program: 3 * end + 2 },
        );
        const between = (from, to) => {
            const [a, b] = [from, to].sort();
            return `${column[a].kernel + 1} / ${column[b].kernel}`;
        };
        const widths = ends.map((_, end) =>
            end === 0 ? "var(--p0) var(--kernel)" : `var(--gap) var(--kernel) var(--p${end})`,
        );
        for (const part of [names, grid]) part.style.gridTemplateColumns = widths.join(" ");
        grid.style.setProperty("--rows", rows.length);

        // What a program says or calls: where there is little room, that of one end is shown in full.
        const spoken = [];
        function say(node, end) {
            spoken.push([end, node]);
            return node;
        }

        // What stands at the top of each lane, and the kernels' bands.
        const states = ends.map(() => div("states"));
        const bands = [];
        ends.forEach((end, at) => {
            const own = colour(ends, at);
            const place = (lane, node) => {
                node.style.gridArea = `1 / ${column[at][lane]}`;
                names.append(node);
                return node;
            };
            if (end.is_router) {
                place("kernel", div(`name ${own}`, make("b", {}, end.name), span("sub", "router")));
            } else {
                const program = make("span", { className: "sub", title: end.program }, end.program);
                say(place("program", div(`name ${side(at)} ${own}`, make("b", {}, end.name), program)), at);
                const whose = make("b", { className: "whose" }, end.name);
                say(place("kernel", div(`name ${own}`, make("b", {}, "kernel"), whose, states[at])), at);
            }
            const band = div(`band ${own}`);
            band.style.gridColumn = column[at].kernel;
            grid.append(band);
            bands.push(band);
        });
        nameTheWire();

        // A piece of the picture: in one row, or as a bar from one row to another.
        const pieces = [];
        const bars = [];
        function put(node, columns, row, until) {
            node.ariaHidden = "true";
            node.style.gridColumn = columns;
            node.style.gridRow = until == null ? row + 1 : `${row + 1} / ${until + 2}`;
            (until == null ? pieces : bars).push([row, node]);
            grid.append(node);
            return node;
        }

        const buttons = rows.map((row, at) => {
            const button = make("button", { type: "button", className: "row", tabIndex: -1 });
            const who = row.end == null ? "" : `, ${ends[row.end].name}`;
            const result = row.result ? ` = ${row.result}` : "";
            button.ariaLabel = `Step ${at + 1}, ${KINDS[row.kind]}${who}: ${row.label}${result}`;
            button.style.gridRow = at + 1;
            button.onclick = () => choose(at);
            grid.append(button);
            draw(row, at);
            return button;
        });
        sockets.forEach(life);

        function nameTheWire() {
            const hasPackets = rows.some(row => row.kind === "packet");
            const hasRouter = ends.some(end => end.is_router);
            if (!hasPackets || ends.length < 2) return;
            for (let gap = 1; gap < (hasRouter ? ends.length : 2); gap++) {
                const wire = div("name wire", make("b", {}, hasRouter ? "link" : "network"));
                wire.style.gridArea = `1 / ${3 * gap}`;
                names.append(wire);
            }
        }

        function draw(row, at) {
            if (row.kind === "packet") packet(row, at);
            else if (row.end == null) look(row, at);
            else if (row.kind === "call" || row.kind === "return") call(row, at);
            else words(row, at);
            for (const change of row.sockets ?? []) {
                if (!change.fresh) continue;
                const { end } = sockets[change.socket];
                put(span(`badge ${colour(ends, end)}`, change.state), column[end].kernel, at);
            }
        }

        // An arrow from kernel to kernel, and the call that made it fly, or the way through the router.
        function packet(row, at) {
            const isAlone = row.to == null || row.to === row.end;
            const to = !isAlone ? row.to : row.end ? row.end - 1 : 1;
            const goesRight = to > row.end;
            if (ends[to]) {
                const [flags, size] = row.label.split(/ (?=\d+ B$)/);
                const bytes = size ? span("size", ` ${parseInt(size)}`, span("unit", " B")) : null;
                const far = Math.abs(to - row.end) > 1 ? " far" : "";
                const way = goesRight ? "to-right" : "to-left";
                put(div(`packet ${way}${far}`, span("label", flags, bytes)), between(row.end, to), at);
            }
            const cause = rows[row.cause];
            if (cause?.kind === "call" && cause.end === row.end) {
                const same = row.end && goesRight ? " same" : "";
                const elbow = div(`cause ${colour(ends, row.end)} ${side(row.end)}${same}`);
                put(elbow, column[row.end].kernel, row.cause, at);
            } else if (ends[row.end].is_router && cause?.kind === "packet" && cause.end !== row.to) {
                put(div(`through ${goesRight ? "to-right" : "to-left"}`), column[row.end].kernel, row.cause, at);
            }
        }

        // A look at the kernel's side, across all lanes.
        function look(row, at) {
            put(div("table", span("", row.label)), `2 / ${ends.length > 1 ? 3 * ends.length - 1 : 3}`, at);
        }

        // A square beside the kernel, or a hatched bar for as long as the call waits.
        function call(row, at) {
            const { program, kernel } = column[row.end];
            const own = `${colour(ends, row.end)} ${side(row.end)}`;
            const waits = row.until != null;
            const result = row.result == null ? null : span("result", ` = ${row.result}`);
            const label = span("label", row.kind === "call" ? row.label : "", result);
            const node = div(`call ${own}${waits ? " waits" : ""}`, label, waits ? null : make("i"));
            say(put(node, program, at), row.end);
            if (waits) {
                const back = rows[row.until];
                const woken = back.began === at ? (back.cause ?? row.until) : last;
                put(div(`wait ${own}`), program, at, woken);
                if (woken < row.until) put(div(`runs ${own}`), program, woken, row.until);
            }
            const cause = rows[row.cause];
            if (cause?.kind === "packet") {
                // In the middle, what comes from the right comes to the program's own side.
                const same = row.end && cause.end > row.end ? " same" : "";
                if (row.kind === "return") put(div(`woke ${own}${same}`), kernel, row.cause);
                else put(div(`taken ${own}${same}`), kernel, row.cause, at);
            } else if (cause && cause.end !== row.end) {
                // From program to program, over a Unix socket.
                const [a, b] = [cause.end, row.end].sort();
                const way = `${column[a].kernel} / ${column[b].kernel + 1}`;
                put(div(`passed ${own}`, span("label", `${cause.result} B`)), way, row.cause);
            }
        }

        function words(row, at) {
            const more = row.lines?.length > 1 ? ` (+${row.lines.length - 1})` : "";
            const own = `${colour(ends, row.end)} ${side(row.end)}`;
            const node = div(`text ${own} says-${row.kind}`, span("label", row.label), more);
            say(put(node, column[row.end].program, at), row.end);
        }

        // A line for each socket, for as long as it has a state.
        function life(socket, which) {
            const before = sockets.slice(0, which).filter(other => other.end === socket.end).length;
            let since = null;
            const close = until => {
                const line = div(`life ${colour(ends, socket.end)}`);
                line.style.setProperty("--slot", [0, 1, -1, 2, -2][before % 5]);
                put(line, column[socket.end].kernel, since, until);
                since = null;
            };
            rows.forEach((row, at) => {
                for (const change of row.sockets ?? []) {
                    if (change.socket !== which) continue;
                    if (!isOver(change.state)) since ??= at;
                    else if (since != null) close(at);
                }
            });
            if (since != null) close(last);
        }

        /** Shows all up to this step; `isNext`: it is the one after the step before. */
        function show(step, isNext) {
            const row = rows[step];
            const kin = new Set([row.cause, row.began, row.until]);
            rows.forEach((other, at) => other.cause === step && kin.add(at));
            buttons.forEach((button, at) => {
                button.classList.toggle("at", at === step);
                button.classList.toggle("kin", kin.has(at));
                button.tabIndex = at === step ? 0 : -1;
                button.ariaCurrent = at === step ? "step" : null;
            });
            for (const [at, piece] of pieces) {
                piece.classList.toggle("later", at > step);
                piece.classList.toggle("new", isNext && at === step);
                piece.classList.toggle("at", at === step);
            }
            for (const [at, bar] of bars) bar.style.setProperty("--done", Math.max(0, step - at + 1));
        }

        /** Brings a step into the middle. */
        function scroll(step, isNext) {
            const band = bands[rows[step].end ?? 0];
            const seen = box.clientHeight - names.offsetHeight;
            box.scrollTo({
                left: rows[step].end == null ? 0 : band.offsetLeft + band.offsetWidth / 2 - box.clientWidth / 2,
                top: (step + 0.5) * buttons[0].offsetHeight - seen / 2,
                behavior: still.matches || !isNext ? "auto" : "smooth",
            });
        }

        /** Where there is little room, only this end's words are shown; of the others marks remain. */
        function open(which) {
            ends.forEach((end, at) => {
                const width = end.is_router ? "0px" : at === which ? "var(--open)" : "var(--shut)";
                box.style.setProperty(`--p${at}`, width);
            });
            for (const [end, node] of spoken) node.classList.toggle("shut", end !== which);
        }

        return { box, buttons, states, show, scroll, open };
    };
})();
