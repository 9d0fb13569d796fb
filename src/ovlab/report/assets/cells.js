// A row of the results, asked for by a click or Enter: the cell's full record, and the command that makes it anew.

(() => {
  const body = element('div', { class: 'record' });
  const close = element('button', { type: 'button', class: 'close', onclick: () => panel.close() }, 'Close');
  const heading = element('h2', { id: 'cell-title', tabindex: '-1' });
  const panel = element('dialog', { 'aria-labelledby': 'cell-title' }, element('div', { class: 'bar' }, heading, close), body);
  panel.addEventListener('click', (event) => { if (event.target === panel) panel.close(); });
  document.body.append(panel);

  const rows = (pairs) => element('table', { class: 'pairs' }, element('tbody', {}, ...pairs.map(([name, value]) =>
    element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, value)))));
  const part = (title, ...children) => [element('h3', {}, title), ...children];
  const plain = (value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value));
  const pairs = (object) => Object.entries(object).map(([name, value]) => [name, plain(value)]);

  function origin(title, one) {
    if (!one) return [];
    const facts = [['run', one.run], ['made', one.created]];
    if (one.record) facts.push(['record', one.record]);
    for (const kind of ['inputs', 'files']) {
      for (const [name, hash] of Object.entries(one[kind] || {})) facts.push([`sha256 of ${name}`, hash]);
    }
    return part(title, rows(facts));
  }

  function show(number) {
    const cell = data.cells[number];
    const session = data.sessions[cell.session], variant = data.variants[cell.variant], accuracy = data.accuracies[cell.accuracy];
    heading.textContent = cell.names.join(' · ');
    const named = (values) => data.columns.map((name, column) => [name, values[column]]).filter(([, value]) => value !== null);
    const raw = named(cell.raw.map((value, column) => (value === true ? cell.shown[column] : value)));
    const record = { ...Object.fromEntries(raw), effective: cell.effective, session, variant, accuracy };
    const environment = session && data.environments[session.environment];
    if (environment) record.environment = environment;
    body.replaceChildren(
      ...(session?.command ? part('Make it anew',
        element('pre', {}, session.command),
        element('p', { class: 'hint' },
          element('button', { type: 'button', onclick: () => copy(session.command, 'Command') }, 'Copy the command'),
          ' It measures this cell’s session again, from the folder that the experiment was run in; a password stands as ***.')) : []),
      ...part('Numbers, as results.csv has them',
        element('p', { class: 'hint' }, element('button', { type: 'button', onclick: () => copy(JSON.stringify(record, null, 2), 'Record as JSON') }, 'Copy the whole record as JSON')),
        rows(named(cell.shown))),
      ...origin('Timings: the session’s run', session),
      ...origin('Accuracy: the validation’s run', accuracy),
      ...origin('The variant: the run that made it', variant),
      ...(Object.keys(cell.effective).length ? part('Read back from the compiled model', rows(pairs(cell.effective))) : []),
      ...(environment ? part('Environment', rows(pairs(environment))) : []),
    );
    panel.showModal();
    body.scrollTop = 0;
    heading.focus();
  }

  for (const row of document.querySelectorAll('main tr[data-cell]')) {
    row.classList.add('asks');
    const name = row.querySelector('th');
    const button = element('button', { type: 'button', class: 'open', 'aria-haspopup': 'dialog' }, ...name.childNodes);
    button.title = `Full record of this cell${name.title ? `, ${name.title}` : ''}`;
    name.append(button);
    row.addEventListener('click', (event) => {
      const selecting = String(getSelection()) !== '' && !button.contains(event.target);
      if (!selecting && (!event.target.closest('a, button') || button.contains(event.target))) show(Number(row.dataset.cell));
    });
  }
})();
