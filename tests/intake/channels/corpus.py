"""Replies as Chinese and international clients write them: what is quoted must go, what is new must stay."""

NEW = "还是打不开，错误号 500，请再看一下。"

REPLIES = {
    "gmail zh": f"{NEW}\n\n服务台 <desk@itss.example> 于2026年11月20日周五 10:00写道：\n\n> 您好，工单已受理。\n> 谢谢",
    "gmail zh wrapped": f"{NEW}\n\n服务台 <\ndesk@itss.example> 于2026年11月20日周五 上午10:00写道：\n> 您好",
    "gmail zh wrapped after address": f"{NEW}\n\n服务台 <desk@itss.example>\n于2026年11月20日周五 10:00写道：\n> 您好",
    "gmail zh 在": f"{NEW}\n\n在 2026年11月20日周五 10:00，服务台 <desk@itss.example> 写道：\n> 您好",
    "gmail en": f"{NEW}\n\nOn Fri, Nov 20, 2026 at 10:00 AM Desk <desk@itss.example> wrote:\n\n> Hello",
    "gmail en wrapped": f"{NEW}\n\nOn Fri, Nov 20, 2026 at 10:00 AM Service Desk\n<desk@itss.example> wrote:\n> Hello",
    "qq": f'{NEW}\n\n\n\n------------------ 原始邮件 ------------------\n发件人: "desk"<desk@itss.example>;\n'
    '发送时间: 2026年11月20日(星期五) 上午10:00\n收件人: "何洁"<he.jie@corp.example>;\n主题: 工单\n\n您好',
    "qq foxmail": f"{NEW}\n\n------------------&nbsp;原始邮件&nbsp;------------------".replace("&nbsp;", " ")
    + "\n发件人: desk\n您好",
    "163": f'{NEW}\n\n\n\n\n\nAt 2026-11-20 10:00:00, "服务台" <desk@itss.example> wrote:\n\n您好',
    "163 zh": f'{NEW}\n\n在 2026-11-20 10:00:00，"服务台" <desk@itss.example> 写道：\n\n您好',
    "163 app": f"{NEW}\n\n---- 回复的原邮件 ----\n| 发件人 | desk@itss.example |\n| 日期 | 2026年11月20日 |\n您好",
    "outlook zh": f"{NEW}\n\n发件人: 服务台 <desk@itss.example>\n发送时间: 2026年11月20日 10:00\n收件人: 何洁\n\n您好",
    "outlook zh bold": f"{NEW}\n\n*发件人:* 服务台 <desk@itss.example>\n*日期:* 2026年11月20日\n*收件人:* 何洁\n\n您好",
    "outlook en": f"{NEW}\n\nFrom: Desk <desk@itss.example>\nSent: Friday, November 20, 2026\nTo: He Jie\n\nHello",
    "outlook rule": f"{NEW}\n\n________________________________\n发件人: 服务台\n您好",
    "outlook express": f"{NEW}\n\n----- Original Message -----\nFrom: desk\nHello",
    "phone": f"{NEW}\n\n发自我的iPhone\n\n在 2026年11月20日，10:00，服务台 <desk@itss.example> 写道：\n\n您好",
    "huawei": f"{NEW}\n\n发自我的华为手机\n-------- 原始邮件 --------\n发件人： 服务台\n您好",
    "quote marks only": f"{NEW}\n\n> 您好\n> 工单已受理",
}

ANSWER_BELOW = "> 打印机能用了吗？\n> 服务台\n"
