/* Posts forms marked data-handraise, once each, and says who will call. Manual: docs/sources/browser.md */
(({ src, dataset: { key } }) => {
  const api = new URL(src).origin, KEPT = 'handraise', WEEK = 6048e5, doc = document, busy = {}
  const TELLS = /[?&](utm_\w+|[gd]clid|[gw]braid|msclkid|fbclid|li_fat_id|t[tw]clid|rdt_cid|epik)=/
  const OWN = 'email first_name last_name company job_title phone country message external_id kind'.split(' ')
  const id = () => [...crypto.getRandomValues(new Uint8Array(16))].map(b => b.toString(36)).join('')
  const read = () => { try { return JSON.parse(localStorage[KEPT]) || {} } catch { return {} } }
  const keep = change => {
    const all = read()
    change(all)
    try { localStorage[KEPT] = JSON.stringify(all) } catch { /* forbidden: this page only */ }
    return all
  }
  // What brought the visitor, at first and at last; capture reads campaigns and clicks from addresses.
  const { href, search, host } = location, at = new Date().toISOString()
  const from = doc.referrer && new URL(doc.referrer).host != host ? doc.referrer.slice(0, 2e3) : undefined
  const { visitor, first, last } = keep(all => {
    all.visitor ||= id()
    all.first ||= { page: href.slice(0, 2e3), from, at }
    if (from || TELLS.test(search) || !all.last) all.last = { search, from }
  })
  const page = new URL(href)
  new URLSearchParams(last.search).forEach((v, n) => page.searchParams.has(n) || page.searchParams.set(n, v))
  const lead = form => {
    const fields = { first_page: first.page, first_seen_at: first.at, first_referrer: first.from }
    const body = { kind: form.dataset.handraise || undefined, form_id: form.dataset.formId || form.id, fields,
      page_url: (page + '').slice(0, 2e3), referrer: last.from, visitor_id: visitor, landed_at: at,
      submitted_at: new Date().toISOString() }
    new FormData(form).forEach((v, n) => {
      if (!v.trim?.()) return
      if (OWN.includes(n)) body[n] = v
      else fields[n] = fields[n] ? fields[n] + ', ' + v : v
    })
    return JSON.stringify(body)
  }
  const call = (path, token, more) => fetch(api + path,
    { ...more, signal: AbortSignal.timeout(1e4), headers: { ...more?.headers, Authorization: 'Bearer ' + token } })
  const tell = (form, name, detail) =>
    (form || doc).dispatchEvent(new CustomEvent('handraise:' + name, { bubbles: true, detail }))
  // The same key and bytes until somebody answers: however often it arrives, it is one lead.
  const send = async (name, body, form, tries = 0) => {
    busy[name] = 1
    try {
      const answer = await call('/v1/leads', key, { method: 'POST', body, keepalive: true,
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': name } })
      if (answer.status > 499 || [408, 429].includes(answer.status)) throw 0
      keep(all => { delete all.pending?.[name] })
      const said = await answer.json()
      tell(form, answer.ok ? 'accepted' : 'refused', said)
      if (answer.ok && form) ask(said, form).catch(() => {})
    } catch {
      if (tries > 6) tell(form, 'waiting', busy[name] = 0)
      else setTimeout(send, 500 * 2 ** tries, name, body, form, tries + 1)
    }
  }
  const ask = async ({ submission_id, token }, form) => {
    const who = await (await call(`/v1/submissions/${submission_id}?wait=5`, token)).json(), url = who.booking_url
    tell(form, 'answer', who)
    const place = doc.querySelector(form.dataset.answer || '[data-handraise-answer]')
    if (!place) return
    place.textContent = who.text || ''
    if (url) place.append(' ',
      Object.assign(doc.createElement('a'), { href: url, textContent: place.dataset.book || 'Book a time' }))
  }
  const resume = () => Object.entries(read().pending || {}).forEach(([name, { body, at }]) => {
    if (Date.now() - at > WEEK) keep(all => { delete all.pending[name] })
    else if (!busy[name]) send(name, body)
  })
  const ready = () => {
    doc.querySelectorAll('form[data-handraise]').forEach(form => form.insertAdjacentHTML('beforeend',
      '<input name=_gotcha tabindex=-1 autocomplete=off aria-hidden=true style="position:absolute;left:-9999px">'))
    resume()
  }
  doc.addEventListener('submit', event => {
    const form = event.target, name = id()
    if (!form.matches('[data-handraise]') || event.defaultPrevented) return
    event.preventDefault()
    const body = lead(form)
    keep(all => { (all.pending ||= {})[name] = { body, at: Date.now() } })
    send(name, body, form)
  })
  addEventListener('online', resume)
  if (doc.readyState == 'loading') doc.addEventListener('DOMContentLoaded', ready)
  else ready()
})(document.currentScript)
