import type { Wording } from '../channel.ts'
import { tellStory } from '../facts.ts'
import type { Notice } from '../notice.ts'
import { storyText } from '../story-text.ts'
import { mailPage } from './email-page.ts'

export interface MailText {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** One message as a mail: the subject is one line, the text and the page say the same. */
export function mailText(notice: Notice, wording: Wording): MailText {
  const story = tellStory(notice, wording)
  return { subject: `[Thump] ${story.title}`, text: storyText(story), html: mailPage(story) }
}
