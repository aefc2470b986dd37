"""The ordered word rules of ``titles`` in English. The first rule that applies decides."""

from __future__ import annotations

Rules = tuple[tuple[str, str], ...]
"""Rows of (value, phrases separated by commas). A phrase is whole words; ``*`` at its end stands
for any ending of its last word. Words are written as ``titles`` folds them: without accents."""


def _table(*rows: tuple[str, str]) -> Rules:
    return rows


ABBREVIATIONS = {
    "acct": "account", "admin": "administrator", "asst": "assistant", "assoc": "associate",
    "avp": "vp", "bizdev": "business development", "biz": "business", "cofounder": "founder",
    "cs": "customer success", "csm": "customer success manager", "dev": "developer",
    "dir": "director", "devrel": "developer relations", "eng": "engineer", "evp": "vp",
    "exec": "executive", "fpa": "financial planning", "gtm": "go to market", "grp": "group",
    "jr": "junior", "mgr": "manager", "mgmt": "management", "mktg": "marketing",
    "mkt": "marketing", "ops": "operations", "pm": "product manager", "prez": "president",
    "rd": "research", "rep": "representative", "sr": "senior", "snr": "senior", "svp": "vp",
    "sw": "software", "swe": "software engineer", "vps": "vp", "xo": "executive",
}  # fmt: skip
"""Single words that stand for others. ``pm`` may mean a project manager too: the same rank."""

SENIORITY: Rules = _table(
    ("student", "phd student, phd candidate, doctoral candidate, graduate student, mba candidate, "
                "mba student, undergraduate"),
    ("intern", "intern, internship, trainee, apprentice, working student, co op"),
    ("student", "student, pupil"),
    # Assistants of the mighty are not mighty.
    ("ic", "executive assistant, assistant to, administrative assistant, personal assistant, "
           "secretary to, office of the ceo"),
    # Words of rank that are not the person's rank.
    ("director", "chief of staff"),
    ("ic", "lead generation specialist, lead gen specialist, "
           "partnerships representative, business partner, people partner, "
           "partner success manager, acquisition partner, hr partner, finance partner, "
           "client partner"),
    ("ic", "product owner"),
    ("vp", "vp, vicepresident"),
    ("c_suite", "chief, ceo, cfo, cto, cio, ciso, cmo, cro, coo, cpo, chro, cdo, cso, cco, "
                "cao, cxo, clo, founder, founding partner, owner, co owner, proprietor, president, "
                "chairman, chairwoman, chairperson, chair of the board, board member, "
                "managing partner, general partner, managing director, executive director, "
                "senior partner, equity partner"),
    ("head", "head, head of, global head, general manager, country manager, gm, "
             "practice lead, department chair, dean"),
    ("director", "director, directress, principal consultant"),
    # Managers of a thing.
    ("manager", "group product manager, product group manager, engineering manager, "
                "regional sales manager, area sales manager, senior sales manager, "
                "sales development manager"),
    ("senior", "senior product manager, senior account manager, senior project manager, "
               "senior program manager, senior customer success manager, "
               "principal product manager, lead product manager, "
               "senior technical program manager, senior partner manager"),
    ("ic", "product manager, account manager, project manager, program manager, "
           "programme manager, customer success manager, community manager, "
           "partner manager, case manager, relationship manager, social media manager, "
           "technical account manager, property manager, content manager, "
           "product marketing manager, channel manager, release manager"),
    ("manager", "manager, supervisor, team lead, team leader, group lead, foreman, controller, "
                "scrum master lead, squad lead, shift lead"),
    ("senior", "senior, principal, staff engineer, staff software engineer, staff scientist, "
               "staff data scientist, staff product designer, staff developer, "
               "lead engineer, tech lead, "
               "technical lead, lead developer, lead designer, lead architect, lead analyst, "
               "lead data scientist, architect, distinguished, fellow, engineering lead, "
               "design lead, product lead, marketing lead, sales lead, operations lead, "
               "growth lead, data lead, lead software engineer, lead product designer, "
               "lead consultant, lead, expert, attorney, counsel, professor"),
    ("c_suite", "partner"),
    ("ic", "junior, associate, entry level, assistant, clerk, representative, officer"),
)  # fmt: skip

DEPARTMENTS: Rules = _table(
    ("sales", "business developer, chief growth and revenue officer"),
    ("it", "chief digital and information officer, desktop support"),
    ("data", "business intelligence developer"),
    ("security", "ciso, chief information security officer, security, infosec, cyber, "
                 "cybersecurity, devsecops, soc analyst, penetration tester"),
    ("revenue_operations", "revenue operations, revops, sales operations, go to market operations, "
                           "marketing operations, crm administrator, crm manager, "
                           "salesforce administrator, sales enablement, revenue enablement, "
                           "deal desk"),
    ("customer_success", "customer success, client success, customer support, customer service, "
                         "technical support, support engineer, support specialist, support, "
                         "customer experience, "
                         "client services, onboarding, implementation, cx, customer care, "
                         "chief customer officer, help desk agent"),
    ("marketing", "product marketing"),
    ("design", "product design, product designer"),
    ("product", "chief product officer, cpo, product management, "
                "product manager, product owner, product lead, head of product, vp product, "
                "vp of product, director of product, product director, product operations, "
                "product analyst, group product"),
    ("marketing", "marketing, cmo, marketer, demand generation, demand gen, lead generation, "
                  "growth, brand, "
                  "seo, sem, content, communications, public relations, pr, social media, "
                  "community, copywriter, campaign, events, event, advertising, "
                  "media buyer, editor, developer relations, developer advocate"),
    ("engineering", "software, vp engineering, engineering, cto, "
                    "chief technology officer, chief technical officer, developer, programmer, "
                    "devops, sre, site reliability, qa, quality assurance engineer, test engineer, "
                    "frontend, front end, backend, back end, full stack, fullstack, "
                    "platform engineer, "
                    "technical lead, tech lead, technology officer, architecture, ios, android, "
                    "embedded, solutions architect, software architect, scrum master, "
                    "technical program manager, engineer manager"),
    ("data", "data, analytics, machine learning, ml, ai, artificial intelligence, "
             "business intelligence, bi, statistician, cdo"),
    ("design", "design, designer, ux, ui, user experience, user research, ux researcher, creative, "
               "art director, illustrator"),
    ("it", "cio, chief information officer, it, information technology, system administrator, "
           "systems administrator, sysadmin, network, infrastructure, helpdesk, help desk, "
           "desktop support, information systems, erp, business systems, "
           "database administrator, cloud engineer"),
    ("hr", "hr, human resources, people operations, people and culture, people, talent, recruiter, "
           "recruiting, recruitment, chro, "
           "compensation, benefits, learning and development, hrbp, employee experience"),
    ("finance", "cfo, finance, financial, accounting, accountant, controller, treasurer, treasury, "
                "bookkeeper, payroll, tax, audit, auditor, accounts payable, "
                "accounts receivable, billing, investor relations, actuary, fp and a"),
    ("legal", "legal, counsel, attorney, lawyer, paralegal, compliance, privacy, "
              "data protection officer, contracts manager, general counsel, solicitor"),
    ("procurement", "procurement, purchasing, buyer, sourcing, vendor management, "
                    "category manager"),
    ("sales", "sales, cro, chief revenue officer, revenue, account executive, account manager, "
              "key account, account director, strategic accounts, "
              "business development, sdr, bdr, ae, "
              "inside sales, partnerships, partner manager, alliances, channel, "
              "solutions engineer, solutions consultant, presales, pre sales, "
              "commercial, go to market, territory, "
              "client partner, relationship manager, chief commercial officer"),
    ("research", "research, researcher, scientist, laboratory, lab, r and d"),
    ("operations", "operations, coo, chief operating officer, logistics, supply chain, warehouse, "
                   "manufacturing, production, plant, facilities, office manager, project manager, "
                   "program manager, programme manager, project coordinator, operational, "
                   "fleet, quality, "
                   "transformation, continuous improvement, pmo, process, dispatcher"),
    ("other", "teacher, professor, lecturer, faculty, dean, principal of school, "
                  "school principal, tutor, instructor, superintendent, department chair, "
                  "student, phd, academic"),
    ("engineering", "engineer"),
    ("general_management", "ceo, chief executive, chief executive officer, founder, owner, "
                           "president, "
                  "managing director, managing partner, general partner, general manager, "
                  "chairman, chairwoman, chairperson, board member, executive director, "
                  "chief of staff, country manager, proprietor, strategy, gm, partner, "
                  "executive assistant, corporate development"),
)  # fmt: skip

TRADES: Rules = _table(
    ("ic", "analyst, consultant, specialist, coordinator, administrator, advisor, adviser, nurse, "
           "doctor, physician, technician, planner, writer, editor, agent, contractor, freelancer, "
           "freelance, developer, engineer, accountant, therapist, pharmacist, realtor, broker"),
)  # fmt: skip
"""Words that name a trade, whatever the department."""
