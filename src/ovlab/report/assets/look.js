// Light and dark, the contents that follow the reader, and what is folded.

(() => {
  const looks = ['auto', 'light', 'dark'];
  const root = document.documentElement;
  const stored = () => { try { return localStorage.getItem('ovlab-look'); } catch { return null; } };
  const button = element('button', { type: 'button' });

  function show(look) {
    if (look === 'auto') delete root.dataset.look;
    else root.dataset.look = look;
    button.textContent = `Theme: ${look}`;
    button.dataset.look = look;
  }
  button.addEventListener('click', () => {
    const next = looks[(looks.indexOf(button.dataset.look) + 1) % looks.length];
    show(next);
    try { localStorage.setItem('ovlab-look', next); } catch { /* nowhere to keep it */ }
  });
  show(looks.includes(stored()) ? stored() : 'auto');

  const folds = [...document.querySelectorAll('main .fold')];
  const all = element('button', { type: 'button', 'aria-pressed': 'false' }, 'Unfold all');
  all.addEventListener('click', () => {
    const open = all.getAttribute('aria-pressed') !== 'true';
    for (const one of folds) one.open = open;
    all.setAttribute('aria-pressed', String(open));
    all.textContent = open ? 'Fold all' : 'Unfold all';
  });
  document.getElementById('controls').append(...(folds.length ? [all] : []), button);

  // Print what is folded, except what would fill pages with settings.
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = folds.filter((one) => !one.open && !one.classList.contains('screen'));
    for (const one of opened) one.open = true;
  });
  addEventListener('afterprint', () => { for (const one of opened) one.open = false; });

  const contents = document.getElementById('contents');
  const narrow = matchMedia('(max-width: 1179px)');
  const fit = () => { contents.open = !narrow.matches; };
  fit();
  narrow.addEventListener('change', fit);
  contents.addEventListener('click', (event) => { if (narrow.matches && event.target.closest('a')) contents.open = false; });

  const links = new Map([...contents.querySelectorAll('a')].map((one) => [one.hash.slice(1), one]));
  const inside = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) inside[isIntersecting ? 'add' : 'delete'](target.id);
    const first = [...links.keys()].find((id) => inside.has(id));
    for (const [id, link] of links) {
      if (id === first) link.setAttribute('aria-current', 'true');
      else if (first) link.removeAttribute('aria-current');
    }
  }, { rootMargin: '-12% 0px -75% 0px' });
  for (const id of links.keys()) watcher.observe(document.getElementById(id));
})();
