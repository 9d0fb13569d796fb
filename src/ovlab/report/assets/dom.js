'use strict';
// Small helpers. Text always becomes text nodes: names of others cannot become markup.

const data = JSON.parse(document.getElementById('data').textContent);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((one) => one != null));
  return made;
}

// What a screen reader is told after an action, and what is shown for a moment.
const told = element('p', { class: 'told', role: 'status' });
document.body.append(told);

function tell(text) {
  told.textContent = text;
  told.classList.add('seen');
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => told.classList.remove('seen'), 2500);
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without leave for the clipboard: the older way, by a field that is selected.
    const field = element('textarea', { class: 'away', 'aria-hidden': 'true' });
    field.value = text;
    (document.querySelector('dialog[open]') || document.body).append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
  tell(`${what} copied`);
}

function download(text, type, name) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// A button with a menu of checkboxes or actions below it: a native details element, closed by Escape or a click outside.
function menu(title, ...items) {
  const made = element('details', { class: 'menu' }, element('summary', {}, title), element('div', { class: 'items' }, ...items));
  made.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !made.open) return;
    made.open = false;
    made.firstElementChild.focus();
  });
  return made;
}

document.addEventListener('click', (event) => {
  for (const one of document.querySelectorAll('details.menu[open]')) if (!one.contains(event.target)) one.open = false;
});
