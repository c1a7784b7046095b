/** One of each kind that is masked; no other text of the tests holds any. */
export const personal = {
  rrn: '900101-1234568',
  foreigner: '950505-5123456',
  wide: '９００１０１－１２３４５６８',
  spoken: '공일공 구팔칠육 오사삼이',
  card: '4111 1111 1111 1111',
  phone: '010-9876-5432',
  mail: 'hong.gildong@example.co.kr',
  passport: '여권 M12345678',
  licence: '면허 11-12-345678-90',
  account: '계좌번호: 110-123-456789',
  name: '김철수 고객님',
  uri: 'amqp://app:geheim-uri@mq',
  password: 'password=geheim-key',
  bearer: 'Bearer geheim.token-123456',
  word: '비밀프로젝트',
  staff: 'EMP-77123',
} as const

export const allOfIt: string = Object.values(personal).join(' / ')

/** What may be found nowhere: each value, and of a secret the secret alone. */
export const traces: readonly string[] = [
  ...Object.entries(personal)
    .filter(([, text]) => !/geheim/.test(text))
    .map(([kind, text]) =>
      ['passport', 'licence', 'account'].includes(kind) ? (text.split(' ').at(-1) ?? text) : text,
    ),
  '김철수',
  'geheim-uri',
  'geheim-key',
  'geheim.token',
  'geheim-erlang',
  '1111 1111',
  '41111111111111',
]

/** The rules whose names must appear: each did its part. */
export const rules = [
  'secrets',
  'cards',
  'rrn',
  'phones',
  'emails',
  'passports',
  'licences',
  'accounts',
  'names',
  'projects',
  'staff',
]

/** What RabbitMQ writes when a process dies that held a password. */
export function crashReport(stamp: string): string {
  return [
    `${stamp} [error] <0.700.0>   crasher:`,
    `${stamp} [error] <0.700.0>     initial call: rabbit_reader:init/3`,
    `${stamp} [error] <0.700.0>     state: {amqp_params_network,<<"app">>,<<"geheim-erlang">>,<<"/">>}`,
    `${stamp} [error] <0.700.0>     note: ${allOfIt}`,
    '',
  ].join('\n')
}
