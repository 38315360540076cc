// A recorded run, step by step. It shows the rows of a scene (tools/lab/src/show/scene) that stands as JSON beside the
// still picture of the same run; without this script the picture remains.
"use strict";

(() => {
    const { make, div, span, button, title, colour, KINDS } = Player;

    /** How long a step stays while the run plays, in milliseconds. */
    const PACE = 1600;

    function player(figure) {
        const scene = JSON.parse(figure.querySelector("script").textContent);
        const { ends, rows } = scene;
        const last = rows.length - 1;
        const name = figure.dataset.run;

        // The frame of it all.
        const lanes = Player.lanes(scene, jumpTo);
        const terminals = Player.terminals(scene, open);
        const stage = make("div", { className: "stage", style: `--ends:${ends.length}` });
        const [first, ...others] = terminals.boxes;
        stage.append(terminals.tabs, first, lanes.box, ...others);
        const playing = button("play", null, "Play");
        playing.className = "play";
        const slider = make("input", { type: "range", min: 1, max: last + 1, step: 1, ariaLabel: "Step" });
        const count = make("output");
        const full = button("full", null, "Fill the window");
        const say = make("p", { className: "say", ariaLive: "polite", ariaAtomic: "true" });
        const body = div("body");
        const now = div("now");
        const help = keysAndSigns();
        const root = div(
            `player ends${Math.min(ends.length, 3)}${ends.some(end => end.is_router) ? " routed" : ""}`,
            div(
                "head",
                make("p", {}, make("b", {}, "A recorded run."), " From top to bottom is order, not time."),
                full,
                button("help", null, "Keys ", make("kbd", {}, "?")),
            ),
            stage,
            make(
                "div",
                { className: "controls", role: "group", ariaLabel: "Steps" },
                button("back", "Step back", "←"),
                playing,
                button("on", "Step on", "→"),
                slider,
                count,
            ),
            div("detail", say, div("panes", body, now)),
            help,
        );
        root.role = "group";
        root.ariaLabel = "A recorded run, step by step";
        // The whole window: a dialog, which lies above everything else.
        const whole = make("dialog", { className: "run-window", ariaLabel: "A recorded run" });

        // One step.
        let position = -1;
        let timer = null;

        function go(to, isQuiet) {
            const step = Math.max(0, Math.min(last, to));
            if (step === position) return;
            const isNext = step === position + 1;
            const row = rows[step];
            position = step;
            terminals.show(step);
            lanes.show(step, isNext);
            open(row.end != null && row.kind !== "packet" ? row.end : terminals.speaker(step));
            lanes.scroll(step, isNext);
            slider.value = step + 1;
            slider.setAttribute("aria-valuetext", `Step ${step + 1}: ${row.label}`);
            count.replaceChildren(make("b", {}, `${step + 1}`), ` of ${rows.length}`);
            say.replaceChildren(...sentence(row));
            body.className = `body of-${row.bytes ? "packet" : row.kind}`;
            body.replaceChildren(...Player.detail(row, scene));
            // Before anything has happened there is room for how it is read.
            if (step === 0) body.append(title("How to read it"), make("dl", { className: "signs" }, ...signs()));
            const facts = Player.facts(step, scene);
            now.replaceChildren(...facts.tables);
            facts.states.forEach((states, end) => lanes.states[end].replaceChildren(...states));
            showWhatIsMarked();
            sayWhatScrolls();
            if (!isQuiet) history.replaceState(null, "", `#run-${name}-step-${step + 1}`);
            if (step === last) stop();
        }

        // What happened, who did it, and the steps that have to do with it.
        function sentence(row) {
            const from = row.end == null ? "kernel" : ends[row.end].name;
            const to = row.kind === "packet" && row.to != null ? ` → ${ends[row.to].name}` : "";
            const look = row.kind === "packet" ? "wire" : colour(ends, row.end);
            const links = [
                [row.cause, "because of step"],
                [row.began, "began at step"],
                [row.until, "until step"],
            ].filter(([step]) => step != null);
            return [
                span(`tag ${look}`, `${from}${to} · ${KINDS[row.kind]}`),
                ` ${row.say} `,
                ...links.map(([step, text]) => {
                    const link = make("button", { type: "button", className: "jump" }, `${text} ${step + 1}`);
                    link.onclick = () => jumpTo(step);
                    return link;
                }),
            ];
        }

        function showWhatIsMarked() {
            const fields = body.querySelector(".fields");
            const lit = fields?.querySelector(".on");
            if (lit) fields.scrollTop = lit.offsetTop - fields.clientHeight / 2;
        }

        // What scrolls sideways says so, and is a stop for the keyboard.
        function sayWhatScrolls() {
            for (const box of [lanes.box, ...body.querySelectorAll(".fields, .words")]) {
                box.classList.toggle("overflows", box.scrollWidth > box.clientWidth);
            }
            if (lanes.box.matches(".overflows")) lanes.box.tabIndex = 0;
            else lanes.box.removeAttribute("tabindex");
        }

        // The terminal and the lane of one end, where there is no room for all.
        function open(end) {
            terminals.open(end);
            lanes.open(end);
        }

        function jumpTo(step) {
            stop();
            go(step);
        }

        function stop() {
            clearInterval(timer);
            timer = null;
            playing.ariaPressed = "false";
            playing.textContent = "Play";
        }

        function play() {
            if (timer) return stop();
            if (position === last) go(0);
            timer = setInterval(() => go(position + 1), PACE);
            playing.ariaPressed = "true";
            playing.textContent = "Pause";
        }

        // The same step, in another size.
        function anew() {
            const step = position;
            position = -1;
            go(step, true);
        }

        function fill() {
            if (whole.open) return whole.close();
            figure.append(whole);
            whole.append(root);
            full.textContent = "Back to the page";
            whole.showModal();
            anew();
        }
        whole.onclose = () => {
            figure.append(root);
            full.textContent = "Fill the window";
            anew();
            full.focus();
        };

        // What works it.
        const acts = {
            back: () => jumpTo(position - 1),
            on: () => jumpTo(position + 1),
            play,
            full: fill,
            help: () => help.showModal(),
            close: () => help.close(),
        };
        const keys = {
            ArrowLeft: acts.back,
            ArrowRight: acts.on,
            Home: () => jumpTo(0),
            End: () => jumpTo(last),
            " ": play,
            f: fill,
            "?": acts.help,
        };
        root.addEventListener("click", event => acts[event.target.closest("[data-do]")?.dataset.do]?.());
        slider.oninput = () => jumpTo(slider.value - 1);
        root.addEventListener("keydown", event => {
            if (event.ctrlKey || event.metaKey || event.altKey) return;
            const { key, target } = event;
            let act = keys[key];
            if (key === "Escape" && (help.open || whole.open)) act = () => (help.open ? help : whole).close();
            else if (help.open || (key === " " && target.matches("button:not(.row)"))) return;
            if (!act) return;
            // The book's own keys would turn the page.
            event.preventDefault();
            event.stopPropagation();
            act();
            const isLost = !root.contains(document.activeElement);
            if (key !== "Escape" && (target.matches(".row") || isLost)) {
                lanes.buttons[position].focus({ preventScroll: true });
            }
        });

        // The address may name a step.
        function fromAddress() {
            const [, run, step] = location.hash.match(/^#run-(.+)-step-(\d+)$/) ?? [];
            if (run !== name) return false;
            go(step - 1, true);
            figure.scrollIntoView({ block: "start" });
            return true;
        }

        figure.append(root);
        figure.classList.add("live");
        addEventListener("hashchange", fromAddress);
        new ResizeObserver(anew).observe(stage);
        if (!fromAddress()) go(0, true);
    }

    const sign = (of, text) => [make("dt", {}, of), make("dd", {}, text)];

    const signs = () => [
        ...sign(span("square"), "a call that returned at once"),
        ...sign(span("hatch"), "a call that waited, from its beginning to what ended its wait"),
        ...sign(span("solid"), "what made something happen"),
        ...sign(span("dashed"), "what ended a wait, or was taken later"),
        ...sign(span("badge", "LISTEN"), "the new state of a socket"),
        ...sign(span("coming", "listen(3)"), "not yet at this step"),
    ];

    function keysAndSigns() {
        const keys = (...all) => make("span", {}, ...all.flatMap(key => [make("kbd", {}, key), " "]));
        const list = make(
            "dl",
            { className: "signs" },
            ...sign(keys("←", "→"), "one step back, one step on"),
            ...sign(keys("Space"), "play, pause"),
            ...sign(keys("Home", "End"), "first step, last step"),
            ...sign(keys("f"), "fill the window, and back"),
            ...sign(keys("?"), "these keys"),
            ...signs(),
        );
        return make("dialog", { className: "help", ariaLabel: "Keys and signs" }, list, button("close", null, "Close"));
    }

    // Where the whole book is one page for the printer, the pictures stay.
    if (!/\/print\.html$/.test(location.pathname)) document.querySelectorAll("figure.run").forEach(player);
})();
