import { signs } from './signs.ts'
import { type SignedDetector, spansOf } from './detector.ts'

/** Korean passports, old and new numbering. */
export const passports: SignedDetector = {
  name: 'passports',
  sign: signs.digits,
  find: (_text, digits, standIn) =>
    spansOf(digits, /(?<![A-Za-z0-9])[MSRODG](?:\d{8}|\d{3}[A-Z]\d{4})(?![A-Za-z0-9])/g, ([found]) => ({
      replace: standIn('passports', found),
    })),
}

/** Korean driver's licences: region, year, number, check. */
export const licences: SignedDetector = {
  name: 'licences',
  sign: signs.digits,
  find: (_text, digits, standIn) =>
    spansOf(digits, /(?<![\d-])(?:1[1-9]|2[0-8])-\d{2}-\d{6}-\d{2}(?![\d-])/g, ([found]) => ({
      replace: standIn('licences', found.replaceAll('-', '')),
    })),
}

const account =
  /((?:계좌|은행|입금|송금|account|acct|iban)[^\d\n]{0,24}?)((?:[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7})|\d{2,6}(?:-\d{2,7}){2,3}|\d{10,16})(?!\d)/gi

/** Bank accounts: only beside a word that says so, since their digits look like any others. */
export const accounts: SignedDetector = {
  name: 'accounts',
  sign: signs.digits,
  find: (_text, digits, standIn) =>
    spansOf(digits, account, (match) => {
      const [all, lead = '', number = ''] = match
      const start = match.index + lead.length
      return { start, end: match.index + all.length, replace: standIn('accounts', number.replace(/[ -]/g, '')) }
    }),
}

const surnames = new Set(
  '김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용'.split(
    '',
  ),
)
/** What stands before an honorific and is no name. */
const titles =
  /^(?:고객|회원|선생|사장|부장|과장|차장|대리|팀장|원장|교수|기사|담당자?|관리자?|이용자|사용자|운영자|판매자|구매자|주인|하나|여러분|기사|전문가|원장|이사|상무|전무|회장|실장|조장|주임|사원|손|부모|형|누)$/
const honoured = /(?<![가-힣])([가-힣]{2,4}?)(?= ?(?:고객님|회원님|님)(?![가-힣]{2}))/g

/** Names before 고객님, 회원님 and 님. */
export const names: SignedDetector = {
  name: 'names',
  sign: signs.name,
  find: (text, _digits, standIn) =>
    spansOf(text, honoured, ([, name = '']) =>
      surnames.has(name[0] ?? '') && !titles.test(name) ? { replace: standIn('names', name) } : undefined,
    ),
}
