'use strict';
// A recorded run, step by step. It shows the rows of a scene (tools/lab/src/show/scene) that stands as JSON beside the
// still picture of the same run; without this script the picture remains.
(() => {
const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null) continue;
    if (name in node && name !== 'style') node[name] = value; else node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child != null));
  return node;
};
const span = (className, ...children) => make('span', { className }, ...children);
const hex = value => value.toString(16).padStart(2, '0');
const character = value => value === 13 ? '\\r' : value === 10 ? '\\n' : value === 9 ? '\\t' : value === 32 ? '␣'
  : value > 32 && value < 127 ? String.fromCharCode(value) : '·';
const over = state => !state || state === 'CLOSED';
const still = matchMedia('(prefers-reduced-motion: reduce)');
const KINDS = { typed: 'you', line: 'terminal', ended: 'terminal', table: 'socket table', call: 'system call', return: 'system call', packet: 'packet', note: 'note' };

function player(figure) {
  const scene = JSON.parse(figure.querySelector('script').textContent);
  const { ends, rows, sockets } = scene, last = rows.length - 1, name = figure.dataset.run;
  const colour = end => end == null ? 'wire' : 'e' + Math.min(end, 2);
  const link = step => `run-${name}-step-${step + 1}`;
  const about = new Set(rows.flatMap(row => row.kind === 'packet' ? [row.end, row.to] : []));

  // The frame of it all.
  const say = make('p', { className: 'say', ariaLive: 'polite', ariaAtomic: 'true' }), body = make('div', {}), now = make('div', { className: 'now' });
  const tabs = make('div', { className: 'tabs', role: 'group', ariaLabel: 'Terminal that is shown' });
  const names = make('div', { className: 'names', ariaHidden: 'true' }), grid = make('div', { className: 'grid', role: 'group', ariaLabel: 'Every step, in order' });
  const lanes = make('div', { className: 'lanes', role: 'group', ariaLabel: 'Lanes' }, names, grid), stage = make('div', { className: 'stage', style: `--ends:${ends.length}` }, tabs);
  const button = (act, label, ...children) => make('button', { type: 'button', ariaLabel: label, 'data-do': act }, ...children);
  const playing = button('play', null, 'Play'), slider = make('input', { type: 'range', min: 1, max: last + 1, step: 1, ariaLabel: 'Step' });
  playing.className = 'play';
  const count = make('output', {}), full = button('full', null, 'Fill the window');
  const sign = (of, text) => [make('dt', {}, of), make('dd', {}, text)];
  const keys = (...all) => make('span', {}, ...all.flatMap(key => [make('kbd', {}, key), ' ']));
  const signs = () => [...sign(span('square'), 'a call that returned at once'), ...sign(span('hatch'), 'a call that waited, from its beginning to what ended its wait'),
    ...sign(span('solid'), 'what made something happen'), ...sign(span('dashed'), 'what ended a wait, or was taken later'),
    ...sign(span('badge', 'LISTEN'), 'the new state of a socket'), ...sign(span('coming', 'listen(3)'), 'not yet at this step')];
  const help = make('dialog', { className: 'help', ariaLabel: 'Keys and signs' }, make('dl', { className: 'signs' },
    ...sign(keys('←', '→'), 'one step back, one step on'), ...sign(keys('Space'), 'play, pause'), ...sign(keys('Home', 'End'), 'first step, last step'),
    ...sign(keys('f'), 'fill the window, and back'), ...sign(keys('?'), 'these keys'), ...signs()), button('close', null, 'Close'));
  const root = make('div', { className: `player ends${Math.min(ends.length, 3)}`, role: 'group', ariaLabel: 'A recorded run, step by step' },
    make('div', { className: 'head' }, make('p', {}, make('b', {}, 'A recorded run.'), ' From top to bottom is order, not time.'), full, button('help', null, 'Keys ', make('kbd', {}, '?'))),
    stage, make('div', { className: 'controls', role: 'group', ariaLabel: 'Steps' },
      button('back', 'Step back', '←'), playing, button('on', 'Step on', '→'), slider, count),
    make('div', { className: 'detail' }, say, make('div', { className: 'panes' }, body, now)), help);

  // The lanes: one grid, one row an event. Of each end its program and its kernel; the first end stands to the left.
  const column = ends.map((_, end) => end ? { program: 3 * end + 2, kernel: 3 * end + 1 } : { program: 1, kernel: 2 });
  grid.style.setProperty('--rows', rows.length);
  const width = `var(--program) var(--kernel)${' var(--gap) var(--kernel) var(--program)'.repeat(ends.length - 1)}`;
  for (const part of [names, grid]) part.style.gridTemplateColumns = width;
  const bands = [], states = ends.map(() => make('div', { className: 'states' }));
  ends.forEach((end, at) => {
    const side = at ? 'right' : 'left';
    const place = (what, node) => { node.style.gridArea = `1 / ${column[at][what]}`; names.append(node); };
    place('program', make('div', { className: `name ${side} ${colour(at)}` }, make('b', {}, end.name), make('span', { className: 'sub', title: end.program }, end.program)));
    place('kernel', make('div', { className: `name ${colour(at)}` }, make('b', {}, 'kernel'), states[at]));
    const band = make('div', { className: `band ${colour(at)}` }); band.style.gridColumn = column[at].kernel; grid.append(band); bands.push(band);
  });
  if (about.size && ends.length > 1) { const wire = make('div', { className: 'name wire' }, make('b', {}, 'network')); wire.style.gridArea = '1 / 3'; names.append(wire); }
  const later = [], bars = [], buttons = [];
  const put = (node, row, columns, until) => {
    node.style.gridRow = until == null ? row + 1 : `${row + 1} / ${until + 2}`; node.style.gridColumn = columns; node.ariaHidden = 'true';
    (until == null ? later : bars).push([row, node]); grid.append(node); return node;
  };
  const side = end => end ? 'right' : 'left';
  const across = (from, to) => { const [a, b] = [Math.min(from, to), Math.max(from, to)]; return `${column[a].kernel + 1} / ${column[b].kernel}`; };
  rows.forEach((row, at) => {
    const whole = make('button', { type: 'button', className: 'row', tabIndex: -1, ariaLabel: `Step ${at + 1}, ${KINDS[row.kind]}${row.end == null ? '' : ', ' + ends[row.end].name}: ${row.label}${row.result ? ' = ' + row.result : ''}` });
    whole.style.gridRow = at + 1; whole.onclick = () => { stop(); go(at); }; buttons.push(whole); grid.append(whole);
    const where = row.end == null ? null : column[row.end], look = `${colour(row.end)} ${side(row.end)}`;
    const cause = row.cause == null ? null : rows[row.cause];
    if (row.kind === 'packet') {
      const alone = row.to == null || row.to === row.end, to = alone ? (row.end ? row.end - 1 : 1) : row.to, far = Math.abs(to - row.end) > 1;
      const [flags, size] = row.label.split(/ (?=\d+ B$)/);
      if (ends[to]) put(make('div', { className: `packet ${to > row.end ? 'to-right' : 'to-left'}${far ? ' far' : ''}` }, span('label', flags, size ? span('size', ' ' + size.slice(0, -2), span('unit', ' B')) : null)), at, across(row.end, to));
      if (cause && cause.kind === 'call' && cause.end === row.end) put(make('div', { className: `cause ${look}${row.end && to > row.end ? ' same' : ''}` }), row.cause, where.kernel, at);
    } else if (where == null) {
      put(make('div', { className: 'table' }, span('', row.label)), at, `2 / ${ends.length > 1 ? 3 * ends.length - 1 : 3}`);
    } else if (row.kind === 'call' || row.kind === 'return') {
      const waits = row.until != null;
      put(make('div', { className: `call ${look}${waits ? ' waits' : ''}` }, span('label', row.kind === 'call' ? row.label : '', row.result == null ? null : span('result', ` = ${row.result}`)), waits ? null : make('i')), at, where.program);
      if (waits) {
        const back = rows[row.until], woke = back.began === at ? back.cause ?? row.until : last;
        put(make('div', { className: `wait ${look}` }), at, where.program, woke);
        if (woke < row.until) put(make('div', { className: `runs ${look}` }), woke, where.program, row.until);
      }
      if (cause && cause.kind === 'packet') {
        // In the middle, what comes from the right comes to the program's own side.
        const from = row.end && cause.end > row.end ? ' same' : '';
        if (row.kind === 'return') put(make('div', { className: `woke ${look}${from}` }), row.cause, where.kernel); else put(make('div', { className: `taken ${look}${from}` }), row.cause, where.kernel, at);
      } else if (cause && cause.end !== row.end) {
        const [a, b] = [cause.end, row.end].sort();
        put(make('div', { className: `passed ${look}` }, span('label', `${cause.result} B`)), row.cause, `${column[a].kernel} / ${column[b].kernel + 1}`);
      }
    } else {
      const more = row.lines && row.lines.length > 1 ? ` (+${row.lines.length - 1})` : '';
      put(make('div', { className: `text ${look} says-${row.kind}` }, span('label', row.label), more), at, where.program);
    }
    for (const change of row.sockets || []) if (change.fresh) {
      const end = sockets[change.socket].end;
      put(span(`badge ${colour(end)}`, change.state), at, column[end].kernel);
    }
  });
  // A line for each socket, for as long as it has a state.
  sockets.forEach((socket, which) => {
    const before = sockets.slice(0, which).filter(other => other.end === socket.end).length;
    let since = null;
    const close = until => { const line = put(make('div', { className: `life ${colour(socket.end)}` }), since, column[socket.end].kernel, until); line.style.setProperty('--slot', [0, 1, -1, 2, -2][before % 5]); since = null; };
    rows.forEach((row, at) => { for (const change of row.sockets || []) if (change.socket === which) { if (over(change.state)) { if (since != null) close(at); } else since ??= at; } });
    if (since != null) close(last);
  });

  // The terminals, and their tabs where there is no room for all.
  const lines = [], terminals = ends.map((end, at) => {
    const screen = make('div', { className: 'screen', tabIndex: 0, role: 'log', ariaLive: 'off', ariaLabel: `Terminal ${end.name}` });
    rows.forEach((row, step) => {
      if (row.end !== at || !['typed', 'line', 'ended'].includes(row.kind)) return;
      const texts = row.kind === 'ended' ? ['$ '] : row.lines || [];
      for (const text of texts) {
        const line = make('div', { className: 'term-line' }, row.kind === 'typed' ? make('b', {}, row.label.startsWith('$ ') ? '$ ' + text : text || ' ') : text || ' ');
        lines.push([step, line, at]); screen.append(line);
      }
    });
    if (!end.program) screen.append(make('p', { className: 'none' }, 'No call of this end was seen.'));
    const box = make('div', { className: `terminal ${colour(at)} ${side(at)}`, style: `--nth:${at + 1}` }, make('p', { className: 'title' }, end.name), screen);
    const tab = make('button', { type: 'button', className: colour(at) }, end.name); tab.onclick = () => show(at);
    tabs.append(tab); return { screen, box, tab };
  });
  terminals.forEach(({ box }, at) => { if (at === 1) stage.append(lanes); stage.append(box); });
  if (ends.length < 2) stage.append(lanes);
  const show = which => terminals.forEach(({ box, tab }, at) => { tab.ariaPressed = String(at === which); box.classList.toggle('off', at !== which); });

  // What the step is about.
  const jump = (step, text) => { const node = make('button', { type: 'button', className: 'jump' }, `${text ?? 'step'} ${step + 1}`); node.onclick = () => { stop(); go(step); }; return node; };
  const table = (head, rows, className = '') => make('table', { className }, make('thead', {}, make('tr', {}, ...head.map(text => make('th', { scope: 'col' }, text)))), make('tbody', {}, ...rows));
  const cells = (...texts) => make('tr', {}, ...texts.map(text => make('td', {}, text)));
  const title = (...text) => make('p', { className: 'title' }, ...text);
  function packet(row) {
    const bytes = row.bytes.match(/../g).map(pair => parseInt(pair, 16)), marks = bytes.map(() => []), heads = [], fields = [], body = make('tbody', {});
    const point = (from, length) => {
      marks.forEach((nodes, at) => nodes.forEach(node => node.classList.toggle('on', at >= from && at < from + length)));
      fields.forEach(([start, size, line]) => line.classList.toggle('on', start < from + length && from < start + size));
    };
    let head = 0;
    const entry = (start, size, text) => {
      const open = make('button', { type: 'button' }, text), line = make('tr', {}, make('td', {}, size > 1 ? `${start}–${start + size - 1}` : `${start}`), make('td', {}, bytes.slice(start, start + Math.min(size, 8)).map(hex).join(' ') + (size > 8 ? ' …' : '')), make('td', {}, open));
      line.onmouseenter = open.onfocus = open.onclick = () => point(start, size); fields.push([start, size, line]); body.append(line);
    };
    for (const [start, size, text] of row.fields) {
      if (size) { entry(start, size, text); heads.fill(head, start, start + size); for (let at = start; at < start + size; at++) heads[at] = head; continue; }
      head++; body.append(make('tr', { className: 'header' }, make('th', { colSpan: 3, scope: 'rowgroup' }, span(`chip h${head}`), text)));
    }
    const [from, length] = row.payload || [0, 0], shown = Math.min(length, 64);
    for (let at = from; at < from + shown; at += 8) {
      const size = Math.min(8, from + shown - at); entry(at, size, `“${bytes.slice(at, at + size).map(character).join('')}”`);
    }
    const cut = from + shown < bytes.length ? bytes.length - Math.max(from + shown, 128) : 0, dump = make('div', { className: 'hex', role: 'img', ariaLabel: `${bytes.length} bytes, hexadecimal` });
    bytes.slice(0, cut > 0 ? bytes.length - cut : bytes.length).forEach((value, at) => {
      if (at % 16 === 0) dump.append(span('offset', hex(at)));
      const node = span(`h${heads[at] ?? 'p'}`, hex(value)); node.onmouseenter = () => point(at, 1); marks[at].push(node); dump.append(node);
    });
    const right = make('div', {}, title(`The frame, ${bytes.length} bytes${cut > 0 ? `; ${cut} more of the payload are not shown` : ''}`), dump);
    if (length) {
      const three = Array.from({ length: Math.ceil(shown / 16) }, (_, block) => block * 16).flatMap(begin => [['decimal', value => `${value}`], ['hex', hex], ['character', character]].map(([kind, write], which) => make('tr', {}, make('th', { scope: 'row' }, kind), ...bytes.slice(from + begin, from + Math.min(begin + 16, shown)).map((value, index) => {
        const nth = begin + index, at = from + nth, cell = make('td', {}); cell.onmouseenter = () => point(at, 1); marks[at].push(cell);
        if (which < 2) cell.append(write(value)); else { const open = make('button', { type: 'button', ariaLabel: `Byte ${nth + 1}: ${value}, ${hex(value)}, ${character(value)}` }, write(value)); open.onfocus = open.onclick = () => point(at, 1); cell.append(open); }
        return cell;
      }))));
      right.append(title('The payload three ways', shown < length ? `, its first ${shown} of ${length} bytes` : ''), make('table', { className: 'three' }, make('tbody', {}, ...three)));
    }
    const box = make('div', { className: 'fields', tabIndex: 0, role: 'region', ariaLabel: 'Header by header' }, make('table', {}, make('thead', {}, make('tr', {}, ...['byte', 'hex', 'meaning'].map(text => make('th', { scope: 'col' }, text)))), body));
    const flags = row.fields.find(([, , text]) => text.startsWith('flags'));
    if (length) point(from, shown); else if (flags) point(flags[0], flags[1]);
    return [[box, right], () => { const lit = box.querySelector('.on'); if (lit) box.scrollTop = lit.offsetTop - box.clientHeight / 2; }];
  }
  function call(row) {
    const list = make('dl', {}, ...(row.arguments || []).flatMap(([value, what]) => [make('dt', {}, value), make('dd', {}, what)]));
    const text = (row.arguments || []).map(([value]) => value).join(', ');
    const result = row.until == null ? ` = ${row.result}` : ' …';
    return [make('pre', { className: colour(row.end) }, make('b', {}, row.label.split('(')[0]), `(${text})`, span('result', result)), list];
  }
  function about_row(row) {
    if (row.kind === 'packet' || row.bytes) return packet(row);
    if (row.kind === 'call' || row.kind === 'return') return [call(row)];
    const command = row.kind === 'table' || row.label.startsWith('$ ');
    return [[make('pre', { className: `words ${colour(row.end)}`, tabIndex: 0, ariaLabel: 'What the terminal shows' }, ...(row.lines || []).flatMap((text, at) => [at ? '\n' : '', at === 0 && command ? make('b', {}, '$ ' + text) : text]))]];
  }
  // What is true at this step: every socket, every descriptor.
  function facts(step) {
    const live = new Map(), open = new Map(), owner = new Map();
    rows.slice(0, step + 1).forEach((row, at) => {
      for (const change of row.sockets || []) live.set(change.socket, { ...change, at });
      if (row.process != null) owner.set(row.process, row.end);
      for (const [process, number, what] of row.descriptors || []) { if (!open.has(process)) open.set(process, new Map()); what ? open.get(process).set(number, what) : open.get(process).delete(number); }
    });
    const queue = value => value == null ? '' : `${value}`;
    const seen = [...live.values()].filter(({ state, at }) => state && (!over(state) || at === step));
    const socketRows = seen.map(change => { const { end, name } = sockets[change.socket]; const line = cells(span(colour(end), ends[end].name), name.replace(' to ', ' → '), make('b', {}, change.state), queue(change.receive), queue(change.send)); if (change.at === step) line.className = 'on'; return line; });
    const changed = new Set((rows[step].descriptors || []).map(([process, number]) => `${process} ${number}`));
    const descriptorRows = [...open].flatMap(([process, table]) => [...table].sort(([a], [b]) => a - b).map(([number, what]) => { const line = cells(span(colour(owner.get(process)), ends[owner.get(process)]?.name ?? `${process}`), `${number}`, what.replace(' to ', ' → ')); if (changed.has(`${process} ${number}`)) line.className = 'on'; return line; }));
    const part = (text, node, count) => make('div', {}, title(text), count ? node : make('p', { className: 'none' }, 'none yet'));
    now.replaceChildren(part('Sockets', table(['of', 'address', 'state', 'Recv-Q', 'Send-Q'], socketRows), socketRows.length),
      part('Descriptors, beside 0, 1 and 2', table(['of', 'number', 'what it is'], descriptorRows), descriptorRows.length));
    ends.forEach((_, end) => states[end].replaceChildren(...seen.filter(change => sockets[change.socket].end === end && !over(change.state)).map(change => span('', change.state))));
  }

  // One step.
  let position = -1, timer = null;
  function go(step, quiet) {
    step = Math.max(0, Math.min(last, step));
    if (step === position) return;
    const fresh = step === position + 1, row = rows[step]; position = step;
    const kin = new Set([row.cause, row.began, row.until, ...rows.flatMap((other, at) => other.cause === step ? [at] : [])]);
    buttons.forEach((node, at) => { node.classList.toggle('at', at === step); node.classList.toggle('kin', kin.has(at)); node.tabIndex = at === step ? 0 : -1; node.ariaCurrent = at === step ? 'step' : null; });
    for (const [at, node] of later) { node.classList.toggle('later', at > step); node.classList.toggle('new', fresh && at === step); node.classList.toggle('at', at === step); }
    for (const [at, node] of bars) node.style.setProperty('--done', Math.max(0, step - at + 1));
    for (const [at, line] of lines) { line.hidden = at > step; line.classList.toggle('at', at === step); }
    for (const { screen } of terminals) screen.scrollTop = screen.scrollHeight;
    const spoke = lines.filter(([at]) => at <= step).reduce((found, line) => !found || line[0] >= found[0] ? line : found, null);
    show(row.end != null && row.kind !== 'packet' ? row.end : spoke ? spoke[2] : 0);
    const band = bands[row.end ?? 0], middle = row.end == null ? 0 : band.offsetLeft + band.offsetWidth / 2 - lanes.clientWidth / 2;
    lanes.scrollTo({ left: middle, top: names.offsetHeight + (step + .5) * buttons[0].offsetHeight - (lanes.clientHeight + names.offsetHeight) / 2, behavior: still.matches || !fresh ? 'auto' : 'smooth' });
    slider.value = step + 1; slider.setAttribute('aria-valuetext', `Step ${step + 1}: ${row.label}`);
    count.replaceChildren(make('b', {}, `${step + 1}`), ` of ${rows.length}`);
    const tag = row.kind === 'packet' ? `${ends[row.end].name}${row.to == null ? '' : ' → ' + ends[row.to].name}` : row.end == null ? 'kernel' : ends[row.end].name;
    const links = [row.cause != null && jump(row.cause, 'because of step'), row.began != null && jump(row.began, 'began at step'), row.until != null && jump(row.until, 'until step')].filter(Boolean);
    say.replaceChildren(span(`tag ${row.kind === 'packet' ? 'wire' : colour(row.end)}`, `${tag} · ${KINDS[row.kind]}`), ' ', row.say, ' ', ...links);
    const [nodes, then] = about_row(row);
    // Before anything has happened there is room for how it is read.
    if (step === 0) nodes.push(title('How to read it'), make('dl', { className: 'signs' }, ...signs()));
    body.className = `body ${row.bytes ? 'of-packet' : 'of-' + row.kind}`; body.replaceChildren(...nodes); if (then) then();
    // What scrolls sideways says so, and is a stop for the keyboard.
    for (const box of [lanes, ...body.querySelectorAll('.fields, .words')]) box.classList.toggle('overflows', box.scrollWidth > box.clientWidth);
    if (lanes.matches('.overflows')) lanes.tabIndex = 0; else lanes.removeAttribute('tabindex');
    facts(step);
    if (!quiet) history.replaceState(null, '', '#' + link(step));
    if (step === last) stop();
  }
  function stop() { clearInterval(timer); timer = null; playing.ariaPressed = 'false'; playing.textContent = 'Play'; }
  function play() { if (timer) return stop(); if (position === last) go(0); timer = setInterval(() => go(position + 1), 1600); playing.ariaPressed = 'true'; playing.textContent = 'Pause'; }
  // The whole window: a dialog, which lies above everything else.
  const window_ = make('dialog', { className: 'run-window', ariaLabel: 'A recorded run' });
  function fill() { if (window_.open) return window_.close(); figure.append(window_); window_.append(root); full.textContent = 'Back to the page'; window_.showModal(); anew(); }
  window_.onclose = () => { figure.append(root); full.textContent = 'Fill the window'; anew(); full.focus(); };
  const anew = () => { const step = position; position = -1; go(step, true); };
  const acts = { back: () => { stop(); go(position - 1); }, on: () => { stop(); go(position + 1); }, play, full: fill, help: () => help.showModal(), close: () => help.close() };
  root.addEventListener('click', event => { const node = event.target.closest('[data-do]'); if (node) acts[node.dataset.do](); });
  slider.oninput = () => { stop(); go(slider.value - 1); };
  root.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key, target } = event;
    if (key === 'Escape' && (help.open || window_.open)) { event.preventDefault(); event.stopPropagation(); (help.open ? help : window_).close(); return; }
    if (help.open) return;
    const own = target.matches('button:not(.row)');
    const act = { ArrowRight: acts.on, ArrowLeft: acts.back, Home: () => { stop(); go(0); }, End: () => { stop(); go(last); }, ' ': own ? null : play, f: fill, '?': acts.help }[key];
    if (!act) return;
    // The book's own keys would turn the page.
    event.preventDefault(); event.stopPropagation(); act();
    if (target.matches('.row')) buttons[position].focus({ preventScroll: true });
    if (!root.contains(document.activeElement)) buttons[position].focus({ preventScroll: true });
  });
  const from = () => { const found = location.hash.match(/^#run-(.+)-step-(\d+)$/); if (!found || found[1] !== name) return false; go(found[2] - 1, true); figure.scrollIntoView({ block: 'start' }); return true; };
  figure.append(root); figure.classList.add('live');
  addEventListener('hashchange', from); new ResizeObserver(anew).observe(stage);
  if (!from()) go(0, true);
}

// Where the whole book is one page for the printer, the pictures stay.
if (!/\/print\.html$/.test(location.pathname)) document.querySelectorAll('figure.run').forEach(player);
})();
