/** One line with at most one thing to mask; `rule` and `value` are absent where there is none. */
export interface Labelled {
  readonly kind: string
  readonly text: string
  readonly rule?: string
  readonly value?: string
}

/** Made-up lines of each kind, the same for the same seed: what must be masked, in many writings and surroundings, and what looks like it. */
export function corpus(seed: number, each: number): readonly Labelled[] {
  const random = createRandom(seed)
  const lines: Labelled[] = []
  for (let n = 0; n < each; n++) {
    for (const [rule, make] of Object.entries(personal)) {
      const value = make(random)
      lines.push({ kind: rule, rule, value, text: random.pick(surroundings).replace('…', () => value) })
    }
    for (const make of credentials) {
      const value = random.letters(14) + random.digits(2)
      lines.push({ kind: 'secrets', rule: 'secrets', value, text: make(value) })
    }
    for (const [kind, make] of Object.entries(lookAlike))
      lines.push({ kind, text: random.pick(plainSurroundings).replace('…', () => make(random)) })
  }
  return lines
}

const surroundings = [
  'value=… accepted',
  '{"field":"…","n":1}',
  '2026-11-24 15:31:43.123 [info] <0.684.0> got … from client',
  '고객 정보 … 확인 바랍니다',
  'a=1&b=…&c=2',
  '<item>…</item>',
  '…',
]
const plainSurroundings = ['processed … in 12 ms', '{"id":"…","n":1}', 'got … from client', '번호 … 처리 완료', '…']

type Make = (random: Random) => string
const wide = (text: string) =>
  text.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)).replaceAll('-', '－')
const spoken = (text: string) => text.replace(/\d/g, (digit) => '공일이삼사오육칠팔구'[Number(digit)] ?? digit)

const personal: Readonly<Record<string, Make>> = {
  rrn: (random) => {
    const birth = `${random.pick(['62', '75', '88', '93', '99'])}${random.pick(['01', '06', '12'])}${random.pick(['03', '17', '28'])}`
    const number = withCheckDigit(`${birth}${random.pick(['1', '2', '5', '6'])}${random.digits(5)}`)
    const [first, last] = [number.slice(0, 6), number.slice(6)]
    return random.pick([
      `${first}-${last}`,
      `${first} ${last}`,
      `${first}${last}`,
      wide(`${first}-${last}`),
      spoken(number),
    ])
  },
  cards: (random) => {
    const [lead, length] = random.pick([
      ['4', 16],
      ['51', 16],
      ['2221', 16],
      ['34', 15],
      ['6011', 16],
      ['3530', 16],
      ['9445', 16],
      ['6250', 16],
    ] as const)
    const number = withLuhn(lead + random.digits(length - lead.length - 1))
    const grouped = number.replace(/(\d{4})(?=\d)/g, '$1 ')
    return random.pick([number, grouped, grouped.replaceAll(' ', '-'), wide(number)])
  },
  phones: (random) => {
    const [middle, last] = [`${2 + random.below(8)}${random.digits(3)}`, random.digits(4)]
    const written = [
      `010-${middle}-${last}`,
      `010${middle}${last}`,
      `010 ${middle} ${last}`,
      `010.${middle}.${last}`,
      `+82-10-${middle}-${last}`,
      `02-${middle}-${last}`,
      `(031) ${middle.slice(1)}-${last}`,
      `+1 212 555 ${last}`,
      wide(`010-${middle}-${last}`),
      `${spoken('010')} ${spoken(middle)} ${spoken(last)}`,
    ]
    return random.pick(written)
  },
  emails: (random) =>
    `${random.letters(5)}${random.pick(['', '.', '_', '+'])}${random.letters(3)}@${random.letters(6)}.${random.pick(['com', 'co.kr', 'example.org'])}`,
}

const credentials: ReadonlyArray<(value: string) => string> = [
  (value) => `connecting to amqp://app:${value}@mq1:5672/orders`,
  (value) => `{"user":"app","password":"${value}"}`,
  (value) => `db.password=${value} db.pool=5`,
  (value) => `GET /callback?access_token=${value}&state=1`,
  (value) => `Authorization: Bearer ${value}${value}`,
  (value) => `{password,<<"${value}">>},{vhost,<<"/">>}`,
  (value) => `비밀번호: ${value}`,
]

const lookAlike: Readonly<Record<string, Make>> = {
  'milliseconds since 1970': (random) => String(1_600_000_000_000 + random.below(200_000_000_000)),
  'microseconds since 1970': (random) => `${1_600_000_000 + random.below(200_000_000)}${random.digits(6)}`,
  'ISO times': (random) => new Date(1.6e12 + random.below(2e11)).toISOString(),
  'times as digits': (random) => new Date(1.6e12 + random.below(2e11)).toISOString().replace(/\D/g, '').slice(0, 14),
  uuids: (random) => random.hex(32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  'hashes and trace ids': (random) => random.hex(random.pick([16, 32, 40, 64])),
  'order numbers by date': (random) =>
    `2026${random.pick(['01', '07', '11'])}${random.pick(['05', '19'])}-${random.digits(7)}`,
  'order numbers of 12 digits': (random) => `7${random.digits(11)}`,
  'order numbers of 16 digits': (random) => `1${random.digits(15)}`,
  'any 16 digits': (random) => random.digits(16),
  'any 13 digits': (random) => random.digits(13),
  'bytes and offsets': (random) => String(random.below(2 ** 40)),
  addresses: (random) =>
    `10.${random.below(256)}.${random.below(256)}.${random.below(256)}:${1024 + random.below(60_000)} -> 10.0.0.1:5672`,
  versions: (random) => `${random.below(9)}.${random.below(99)}.${random.below(99)}.2026${random.digits(4)}`,
  'decimal fractions': (random) => `${random.below(180)}.${random.digits(13)}`,
  'node names': (random) => `rabbit@${random.letters(5)}.example.com`,
  'Erlang pids': (random) => `<0.${random.below(30_000)}.${random.below(9)}>`,
  'talk of secrets': (random) =>
    random.pick(['the password is wrong', 'token expired', 'no secret was given', 'access key rotated']),
  'words of digits': (random) => random.pick(['이사 일정', '오일 이십구일', '사일 오후', '구이 요리', '삼일절 공휴일']),
}

interface Random {
  below(limit: number): number
  pick<T>(items: readonly T[]): T
  digits(count: number): string
  letters(count: number): string
  hex(count: number): string
}

function createRandom(seed: number): Random {
  let state = seed >>> 0
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  const from = (letters: string) => (count: number) =>
    Array.from({ length: count }, () => letters[below(letters.length)]).join('')
  const [digits, letters, hex] = [from('0123456789'), from('abcdefghijklmnopqrstuvwxyz'), from('0123456789abcdef')]
  return { below, pick: (items) => items[below(items.length)] as (typeof items)[number], digits, letters, hex }
}

function withLuhn(body: string): string {
  const sum = body
    .split('')
    .reverse()
    .reduce((total, digit, index) => {
      const value = Number(digit) * (index % 2 === 0 ? 2 : 1)
      return total + (value > 9 ? value - 9 : value)
    }, 0)
  return `${body}${(10 - (sum % 10)) % 10}`
}

function withCheckDigit(body: string): string {
  const sum = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5].reduce(
    (total, weight, index) => total + weight * Number(body[index]),
    0,
  )
  const isForeigner = Number(body[6]) >= 5
  return `${body}${((isForeigner ? 13 : 11) - (sum % 11)) % 10}`
}
