// The terminals of a recorded run, with a tab for each where there is no room for all.
"use strict";

(() => {
    const { make, div, colour, side } = Player;

    const whySilent = end =>
        end.is_router
            ? "A router: its kernel passes packets on, without a program."
            : "No call of this end was seen.";

    /** The terminals of a scene; `choose` is called with the end whose tab somebody clicks. */
    Player.terminals = ({ ends, rows }, choose) => {
        const tabs = make("div", { className: "tabs", role: "group", ariaLabel: "Terminal that is shown" });
        const lines = [];

        const terminals = ends.map((end, at) => {
            const screen = make("div", { className: "screen", tabIndex: 0, role: "log", ariaLive: "off" });
            screen.ariaLabel = `Terminal ${end.name}`;
            rows.forEach((row, step) => {
                if (row.end === at) screen.append(...texts(row, step));
            });
            if (!end.program) screen.append(make("p", { className: "none" }, whySilent(end)));
            const box = div(`terminal ${colour(ends, at)} ${side(at)}`, Player.title(end.name), screen);
            box.style.setProperty("--nth", at + 1);
            const tab = make("button", { type: "button", className: colour(ends, at) }, end.name);
            tab.onclick = () => choose(at);
            tabs.append(tab);
            return { box, screen, tab };
        });

        function texts(row, step) {
            if (!["typed", "line", "ended"].includes(row.kind)) return [];
            return (row.kind === "ended" ? ["$ "] : (row.lines ?? [])).map(text => {
                const prompt = row.label.startsWith("$ ") ? "$ " : "";
                const shown = row.kind === "typed" ? make("b", {}, prompt + text || " ") : text || " ";
                const line = div("term-line", shown);
                lines.push({ step, line, end: row.end });
                return line;
            });
        }

        /** Shows what had appeared by this step. */
        function show(step) {
            for (const { step: at, line } of lines) {
                line.hidden = at > step;
                line.classList.toggle("at", at === step);
            }
            for (const { screen } of terminals) screen.scrollTop = screen.scrollHeight;
        }

        /** Puts one in front, where there is room for one. */
        function open(which) {
            terminals.forEach(({ box, tab }, at) => {
                tab.ariaPressed = String(at === which);
                box.classList.toggle("off", at !== which);
            });
        }

        /** The end that said something last by this step. */
        function speaker(step) {
            const said = lines.filter(({ step: at }) => at <= step);
            return said.reduce((last, line) => (last && last.step > line.step ? last : line), null)?.end ?? 0;
        }

        return { tabs, boxes: terminals.map(({ box }) => box), show, open, speaker };
    };
})();
