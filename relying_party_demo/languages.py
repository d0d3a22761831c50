"""Every word the app shows, in English and Chinese; the browser's languages choose."""

from flask import request

LANGUAGES = {"en": "en", "zh": "zh-Hans"}
"""Our name of a language and its BCP 47 tag, for `lang` and `ui_locales`."""

WORDS = {
    "en": {
        "tagline": "A demo of signing in with Blindage",
        "sign_in": "Sign in",
        "sign_in_veiled": "Sign in veiled, with an age token",
        "sign_out": "Sign out",
        "home": "Programme",
        "area_anonymous": "Open to everybody",
        "area_minor": "The area for minors",
        "area_adult": "The area for adults",
        "intro_anonymous": "There is more on, for certain ages. Blindage tells us your age band: “minor” or “adult”.",
        "intro_minor": "Picked for you, and what everybody may see.",
        "intro_adult": "The whole programme.",
        "known": "What this app knows about you",
        "known_none": "Nothing yet.",
        "known_sub": "A pseudonym, made for this app alone",
        "known_band": "Your age band",
        "known_rest": "No name, no birth date, no account. Another app is told another pseudonym.",
        "gated_title": "Not in your area",
        "gated_signed_in": "This film is not shown to your age band.",
        "gated_anonymous": "This film is for certain ages: we would have to know your age band first.",
        "night_gated": "For adults: show an age token. Each is good for one look.",
        "missing_title": "Nothing here",
        "missing": "There is no page at this address.",
        "signed_out_title": "You are signed out",
        "signed_out": "This app has forgotten you.",
        "signed_out_here": "This app has forgotten you. At Blindage you may still be signed in, in this browser.",
        "refused_title": "You are not signed in",
        "declined": "You came back without agreeing, or the sign-in was not possible. We learned nothing about you.",
        "expired": "This sign-in was not begun in this browser, or it took too long. Please begin again.",
        "untrusted": "The answer that came with you did not pass our checks, so we threw it away. Please begin again.",
        "unreachable": "Blindage cannot be reached at the moment. Please try again in a minute.",
        "failed_title": "That did not work",
        "failed": "Something broke on our side. Please try again.",
        "tv_open": "For the whole programme, open this address on a phone or a computer:",
        "tv_type": "and type in this code:",
        "tv_scan": "Or scan this:",
        "tv_waiting": "Waiting for your answer there ...",
        "tv_expired": "Nobody answered in time. Please start again.",
    },
    "zh": {
        "tagline": "“使用 Blindage 登录”演示应用",
        "sign_in": "登录",
        "sign_in_veiled": "凭年龄令牌匿名登录",
        "sign_out": "退出登录",
        "home": "放映表",
        "area_anonymous": "所有人可看",
        "area_minor": "未成年人专区",
        "area_adult": "成年人专区",
        "intro_anonymous": "还有一些影片只面向特定年龄段。Blindage 只会告诉我们你的年龄段：“未成年”或“成年”。",
        "intro_minor": "为你挑选的影片，以及所有人可看的影片。",
        "intro_adult": "全部影片。",
        "known": "本应用知道的关于你的信息",
        "known_none": "目前一无所知。",
        "known_sub": "只属于本应用的化名",
        "known_band": "你的年龄段",
        "known_rest": "没有姓名，没有出生日期，没有账号。其他应用得到的是另一个化名。",
        "gated_title": "不在你的专区内",
        "gated_signed_in": "这部影片不向你的年龄段放映。",
        "gated_anonymous": "这部影片只面向特定年龄段，我们需要先知道你的年龄段。",
        "night_gated": "仅限成年人：请出示年龄令牌，每个令牌只能用一次。",
        "missing_title": "这里什么也没有",
        "missing": "这个地址没有页面。",
        "signed_out_title": "你已退出登录",
        "signed_out": "本应用已经忘记你。",
        "signed_out_here": "本应用已经忘记你。在此浏览器中，你可能仍处于 Blindage 的登录状态。",
        "refused_title": "你尚未登录",
        "declined": "你没有同意，或者暂时无法登录。我们没有得到关于你的任何信息。",
        "expired": "这次登录不是从此浏览器开始的，或者用时过长。请重新开始。",
        "untrusted": "随你返回的答复没有通过我们的检查，已被丢弃。请重新开始。",
        "unreachable": "暂时无法连接 Blindage。请稍后再试。",
        "failed_title": "出了点问题",
        "failed": "我们这边出了问题。请再试一次。",
        "tv_open": "要看全部影片，请在手机或电脑上打开此网址：",
        "tv_type": "并输入这个代码：",
        "tv_scan": "或者扫描：",
        "tv_waiting": "正在等待你在那里答复……",
        "tv_expired": "没有人及时答复。请重新开始。",
    },
}


def language() -> str:
    """`en` or `zh`, as the browser asks (RFC 9110, section 12.5.4); English when it asks for neither."""
    return request.accept_languages.best_match(list(LANGUAGES), default="en")


def locale() -> str:
    """The BCP 47 tag of `language`."""
    return LANGUAGES[language()]
