// Tables: sort, filter, hide columns, copy. What is copied is what is shown.

const FEWEST_ROWS = 4; // a table with fewer rows needs no tools but copying
const MANY_ROWS = 120; // of a longer table so many are shown at first, and after sorting or filtering: it stays quick

class Grid {
  constructor(box) {
    this.box = box;
    this.name = box.dataset.name;
    this.table = box.querySelector('table');
    this.groups = [...this.table.tBodies];
    this.addGroupColumns(JSON.parse(this.table.dataset.groups || '[]'));
    this.headers = [...this.table.tHead.rows[0].cells];
    this.rows = this.groups.flatMap((body) => [...body.rows].filter((row) => !row.classList.contains('group')));
    this.home = new Map(this.groups.map((body) => [body, [...body.rows].filter((row) => !row.classList.contains('group'))]));
    this.sorted = document.createElement('tbody');
    this.hidden = new Set();
    this.order = null; // { column, falling }
    this.ordered = this.rows; // as they are sorted
    this.words = []; // that a row must have
    this.limit = MANY_ROWS;
    this.more = element('button', { type: 'button', class: 'more' });
    this.more.addEventListener('click', () => { this.limit = Infinity; this.showRows(); });
    this.addTools();
    if ('quiet' in box.dataset) this.hideRuns();
    this.table.parentNode.after(this.more);
    this.showRows();
    addEventListener('beforeprint', () => this.showRows(Infinity));
    addEventListener('afterprint', () => this.showRows());
  }

  matching() {
    if (!this.words.length) return this.ordered;
    this.texts ||= new Map(this.rows.map((row) => [row, row.textContent.toLowerCase()]));
    return this.ordered.filter((row) => this.words.every((word) => this.texts.get(row).includes(word)));
  }

  // Rows in their present order: those that fit the filter, as many as the limit allows; others are not in the document.
  showRows(limit = this.limit) {
    const found = this.matching();
    const shown = found.slice(0, limit);
    this.more.hidden = shown.length === found.length;
    this.more.textContent = `Show all ${found.length} rows`;
    this.table.classList.toggle('flat', this.order !== null);
    if (this.order !== null) {
      this.sorted.replaceChildren(...shown);
      for (const body of this.groups) body.remove();
      this.table.append(this.sorted);
      return found.length;
    }
    const kept = new Set(shown);
    this.sorted.remove();
    for (const [body, rows] of this.home) {
      const left = rows.filter((row) => kept.has(row));
      const heading = body.querySelector('.group');
      body.replaceChildren(...(heading ? [heading] : []), ...left);
      if (left.length) this.table.append(body);
      else body.remove();
    }
    return found.length;
  }

  // Runs of rows whose record is a click away: shown when they are asked for.
  hideRuns() {
    const column = this.headers.length - 1;
    const boxes = this.box.querySelectorAll('.menu input');
    if (!boxes.length) return;
    boxes[boxes.length - 1].checked = false;
    this.showColumn(column, false);
  }

  // What is a heading of a group is a column too, shown when rows of all groups stand together.
  addGroupColumns(titles) {
    const ofRuns = 'runs' in this.table.dataset;
    const all = ofRuns ? [...titles, 'run of the group'] : titles;
    this.table.tHead.rows[0].prepend(...all.map((title) => element('th', { scope: 'col', class: 'g' }, title)));
    for (const body of this.groups) {
      const [heading, ...rows] = body.rows;
      const names = [...heading.querySelectorAll('.name')].map((one) => one.textContent);
      if (!names.length) continue;
      if (ofRuns) names.push(textOf(heading.querySelector('.of')));
      for (const row of rows) row.prepend(...names.map((name) => element('td', { class: 'g' }, name)));
    }
  }

  addTools() {
    const tools = element('div', { class: 'tools' });
    if (this.rows.length >= FEWEST_ROWS) {
      const count = element('span', { class: 'count', role: 'status' });
      const field = element('input', { type: 'search', placeholder: 'Filter rows', 'aria-label': `Filter rows of table ${this.name}` });
      field.addEventListener('input', () => {
        const left = this.filter(field.value);
        count.textContent = field.value.trim() ? `${left} of ${this.rows.length} rows` : '';
      });
      tools.append(field, count);
      this.headers.forEach((header, column) => this.addSorting(header, column));
      tools.append(menu('Columns', ...this.headers.map((header, column) => this.columnBox(header, column)).filter(Boolean)));
    }
    const formats = { CSV: 'csv', Markdown: 'markdown', LaTeX: 'latex' };
    const buttons = Object.entries(formats).map(([title, format]) =>
      element('button', { type: 'button', 'data-format': format, onclick: () => copy(this[format](), `Table as ${title}`) }, title));
    tools.append(element('span', { class: 'copies', role: 'group', 'aria-label': `Copy table ${this.name}` }, 'Copy as ', ...buttons));
    this.box.prepend(tools);
  }

  addSorting(header, column) {
    const title = header.firstChild.textContent.trim();
    const button = element('button', { type: 'button', class: 'sort' }, title);
    header.firstChild.replaceWith(button);
    button.addEventListener('click', () => {
      const falling = this.order?.column === column && !this.order.falling;
      const back = this.order?.column === column && this.order.falling;
      this.sort(back ? null : { column, falling });
    });
  }

  columnBox(header, column) {
    if (header.getAttribute('scope') !== 'col' || header.classList.contains('g') || this.isFirst(column)) return null;
    const box = element('input', { type: 'checkbox', checked: true });
    box.addEventListener('change', () => this.showColumn(column, box.checked));
    return element('label', {}, box, ` ${this.title(column)}`);
  }

  isFirst(column) { return column === this.headers.findIndex((one) => !one.classList.contains('g')); }

  title(column) {
    const header = this.headers[column];
    const unit = header.querySelector('.unit')?.textContent;
    const whole = (header.querySelector('.sort') || header).firstChild.textContent.trim();
    return unit ? `${whole} (${unit})` : whole;
  }

  showColumn(column, shown) {
    this.hidden[shown ? 'delete' : 'add'](column);
    for (const row of [this.table.tHead.rows[0], ...this.rows]) row.cells[column].classList.toggle('hide', !shown);
    const left = this.headers.filter((one, number) => !one.classList.contains('g') && !this.hidden.has(number)).length;
    for (const body of this.groups) if (body.rows[0]?.classList.contains('group')) body.rows[0].cells[0].colSpan = left;
  }

  // Rows of all groups together, with the groups' names as columns; null puts them back into their groups.
  sort(order) {
    this.order = order;
    this.headers.forEach((one, column) => {
      if (order?.column === column) one.setAttribute('aria-sort', order.falling ? 'descending' : 'ascending');
      else one.removeAttribute('aria-sort');
    });
    this.limit = MANY_ROWS;
    if (order === null) {
      this.ordered = this.rows;
      this.showRows();
      return;
    }
    const keyed = this.rows.map((row) => [this.key(row.cells[order.column]), row]);
    const sign = order.falling ? -1 : 1;
    const compare = new Intl.Collator('en', { numeric: true }).compare;
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // what is not known comes last
      return sign * (typeof a === 'number' && typeof b === 'number' ? a - b : compare(String(a), String(b)));
    });
    this.ordered = keyed.map(([, row]) => row);
    this.showRows();
  }

  key(cell) {
    if (cell.classList.contains('n')) return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
    return cell.textContent.trim();
  }

  filter(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.limit = MANY_ROWS;
    return this.showRows();
  }

  // The rows that fit the filter, in the order shown: every column that is not hidden, a number with its bounds.
  shown() {
    const columns = this.headers.map((_, column) => column).filter((column) => !this.hidden.has(column));
    const rows = this.matching();
    return {
      columns,
      rows: rows.map((row) => columns.map((column) => {
        const cell = row.cells[column];
        const text = cell.classList.contains('from') ? textOf(cell) : (cell.querySelector('.v') || cell).textContent.trim();
        const bounds = cell.querySelector('.ci')?.textContent.slice(1, -1).split(', ') || null;
        return { text, bounds, number: cell.classList.contains('n') };
      })),
    };
  }

  csv() {
    const { columns, rows } = this.shown();
    const bounded = columns.map((_, place) => rows.some((row) => row[place].bounds));
    const head = columns.flatMap((column, place) => {
      const title = this.title(column);
      return bounded[place] ? [title, `${title}, low`, `${title}, high`] : [title];
    });
    const lines = rows.map((row) => row.flatMap((cell, place) => {
      const own = cell.number ? plainNumber(cell.text) : harmless(cell.text);
      return bounded[place] ? [own, ...(cell.bounds || ['', '']).map(plainNumber)] : [own];
    }));
    return [head, ...lines].map((line) => line.map(quoted).join(',')).join('\r\n') + '\r\n';
  }

  markdown() {
    const { columns, rows } = this.shown();
    const escape = (text) => escaped(text, data.escapes.markdown);
    const line = (cells) => `| ${cells.join(' | ')} |`;
    const numeric = columns.map((column) => this.headers[column].classList.contains('n'));
    return [
      line(columns.map((column) => escape(this.title(column)))),
      line(numeric.map((one) => (one ? '---:' : '---'))),
      ...rows.map((row) => line(row.map((cell) => escape(cell.text) + (cell.bounds ? ` [${cell.bounds.join(', ')}]` : '')))),
    ].join('\n') + '\n';
  }

  latex() {
    const { columns, rows } = this.shown();
    const escape = (text) => escaped(text, data.escapes.latex);
    const kinds = columns.map((column) => (this.headers[column].classList.contains('n') ? 'r' : 'l')).join('');
    const number = (text) => {
      const [mantissa, power] = plainNumber(text).split('e');
      return /^[-+]?[\d.]/.test(mantissa) ? `$${mantissa}${power ? `\\times 10^{${Number(power)}}` : ''}$` : escape(text);
    };
    const entry = (cell) => (cell.number ? number(cell.text) : escape(cell.text))
      + (cell.bounds ? `\\,$[${cell.bounds.map(plainNumber).join(', ')}]$` : '');
    return [
      '% Needs \\usepackage{booktabs}. Written by ovlab.',
      `\\begin{tabular}{@{}${kinds}@{}}`, '\\toprule',
      `${columns.map((column) => escape(this.title(column))).join(' & ')} \\\\`, '\\midrule',
      ...rows.map((row) => `${row.map(entry).join(' & ')} \\\\`),
      '\\bottomrule', '\\end{tabular}', '',
    ].join('\n');
  }
}

// The ids of runs that a cell or a heading links to.
const textOf = (place) => [...(place?.querySelectorAll('a.run') || [])].map((one) => one.textContent).join(' ');

const escaped = (text, signs) => [...text.replace(/\s+/g, ' ')].map((sign) => signs[sign] ?? sign).join('');

// A number as programs read it: ASCII signs, 1.2e-5, nothing for what is not known.
function plainNumber(text) {
  const power = text.match(/^(.*)×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/);
  const digits = (signs) => [...signs].map((sign) => '-0123456789'['⁻⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(sign)]).join('');
  const whole = power ? `${power[1]}e${digits(power[2])}` : text;
  return whole.replaceAll('−', '-').replace(/^–$/, '');
}

// Spreadsheets take text that begins so for a formula; an apostrophe makes it text.
const harmless = (text) => (/^'*[=+\-@\t\n＝＋－＠]/.test(text) ? `'${text}` : text);
const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const grids = [...document.querySelectorAll('main .table')].map((box) => new Grid(box));
