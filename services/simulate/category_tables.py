"""The categories as tables: path | share | failure rate | stages | panel | producers | product names.

The rate is in %. Stages with their shares: P production, C circulation, K catering, U use, O online. producers: how
many enterprises make it; 0 where labels name none. Of the failure rates of food only the overall rate and that of
dairy are national figures (2023); the others are plausible in size and order, and are scaled to the overall rate.
"""

FOOD = """
食用农产品/蔬菜/叶菜类蔬菜/普通白菜 | 6 | 2.6 | C8 K2 | vegetables | 0 | 小白菜 上海青 娃娃菜
食用农产品/蔬菜/鳞茎类蔬菜/韭菜 | 5 | 5.2 | C8 K2 | vegetables | 0 | 韭菜 细叶韭菜
食用农产品/蔬菜/茄果类蔬菜/辣椒 | 5 | 4.4 | C8 K2 | vegetables | 0 | 辣椒 线椒 螺丝椒
食用农产品/蔬菜/根茎类和薯芋类蔬菜/姜 | 4 | 6.0 | C8 K2 | vegetables | 0 | 生姜 小黄姜
食用农产品/水果类/仁果类水果/苹果 | 3 | 0.4 | C9 O1 | fruit | 0 | 红富士苹果 花牛苹果
食用农产品/水果类/热带和亚热带水果/香蕉 | 4 | 4.6 | C9 O1 | fruit | 0 | 香蕉 芒果
食用农产品/畜禽肉及副产品/畜肉/猪肉 | 5 | 0.8 | C8 K2 | meat | 0 | 猪肉 猪后腿肉
食用农产品/畜禽肉及副产品/畜肉/羊肉 | 3 | 1.1 | C8 K2 | meat | 0 | 羊肉 环县羊羔肉
食用农产品/水产品/淡水产品/淡水鱼 | 3 | 3.8 | C8 K2 | aquatic | 0 | 鲤鱼 草鱼 鲫鱼
食用农产品/鲜蛋/鲜蛋/鸡蛋 | 3 | 0.9 | C8 K2 | eggs | 12 | 鲜鸡蛋 土鸡蛋
餐饮食品/餐饮具/复用餐饮具/餐馆自行消毒餐饮具 | 4 | 13 | K1 | tableware | 0 | 碗 盘子 筷子
餐饮食品/米面及其制品/小麦粉制品/油炸面制品 | 3 | 3.4 | K1 | catering | 0 | 油条 油饼 麻花
餐饮食品/肉制品/熟肉制品/酱卤肉制品 | 2 | 2.4 | K1 | catering | 0 | 卤牛肉 卤猪头肉
餐饮食品/食用油、油脂及其制品/煎炸过程用油/煎炸过程用油 | 2 | 2.2 | K1 | catering | 0 | 煎炸过程用油
粮食加工品/小麦粉/小麦粉/通用小麦粉 | 5 | 0.4 | P3 C6 O1 | grain | 30 | 小麦粉 高筋小麦粉
粮食加工品/挂面/挂面/普通挂面 | 2 | 0.3 | P2 C7 O1 | grain | 25 | 挂面 鸡蛋挂面
食用油、油脂及其制品/食用植物油/食用植物油/菜籽油 | 4 | 1.0 | P3 C6 K1 | oil | 30 | 菜籽油 亚麻籽油
调味品/酱油/酱油/酱油 | 2 | 1.1 | P2 C6 K2 | condiments | 25 | 生抽酱油 老抽酱油
调味品/香辛料类/香辛料类/辣椒、花椒、辣椒粉、花椒粉 | 3 | 2.2 | P3 C5 K2 | condiments | 25 | 辣椒粉 花椒粉
肉制品/熟肉制品/酱卤肉制品/酱卤肉制品 | 3 | 1.2 | P3 C6 O1 | preserved | 25 | 酱牛肉 卤鸡爪
乳制品/乳制品/液体乳/灭菌乳 | 2 | 0.09 | P2 C7 O1 | dairy | 15 | 纯牛奶 全脂灭菌乳
乳制品/乳制品/液体乳/发酵乳 | 2 | 0.09 | P2 C8 | dairy | 15 | 风味酸牛奶 原味酸奶
饮料/饮料/包装饮用水/其他类饮用水 | 3 | 2.6 | P4 C6 | drinks | 25 | 包装饮用水 饮用纯净水
方便食品/方便食品/方便面/油炸面 | 2 | 1.3 | P2 C7 O1 | bakery | 15 | 方便面 干脆面
饼干/饼干/饼干/饼干 | 2 | 0.9 | P2 C7 O1 | bakery | 25 | 酥性饼干 韧性饼干
糕点/糕点/糕点/糕点 | 5 | 2.9 | P4 C5 O1 | bakery | 30 | 蛋糕 桃酥 月饼
酒类/蒸馏酒/白酒/白酒(液态法) | 3 | 2.1 | P4 C5 O1 | spirits | 25 | 白酒 高粱酒
蔬菜制品/蔬菜制品/酱腌菜/酱腌菜 | 3 | 2.7 | P3 C6 O1 | preserved | 25 | 酱黄瓜 泡菜
水果制品/水果制品/蜜饯/蜜饯类、凉果类、果脯类 | 2 | 2.3 | P2 C7 O1 | preserved | 20 | 话梅 果脯
炒货食品及坚果制品/炒货食品及坚果制品/烘炒类/开心果、杏仁、扁桃仁、瓜子 | 2 | 2.0 | P2 C7 O1 | nuts | 25 | 葵花籽 西瓜子
豆制品/豆制品/非发酵性豆制品/腐竹、油皮及其再制品 | 2 | 2.0 | P3 C7 | preserved | 20 | 腐竹 豆腐干
淀粉及淀粉制品/淀粉及淀粉制品/淀粉制品/粉丝粉条 | 2 | 3.3 | P4 C6 | starch | 20 | 马铃薯粉条 宽粉
保健食品/保健食品/保健食品/保健食品 | 1 | 0.6 | C6 U1 O3 | supplements | 15 | 维生素C片 减肥胶囊
"""

FOOD_RAPID = """
食用农产品/蔬菜/叶菜类蔬菜/普通白菜 | 40 | 0.9 | C9 K1 | rapid_vegetables | 0 | 小白菜 菠菜
食用农产品/蔬菜/鳞茎类蔬菜/韭菜 | 15 | 2.2 | C9 K1 | rapid_vegetables | 0 | 韭菜
食用农产品/畜禽肉及副产品/畜肉/猪肉 | 15 | 0.5 | C9 K1 | rapid_animal | 0 | 猪肉
食用农产品/水产品/淡水产品/淡水鱼 | 10 | 1.8 | C9 K1 | rapid_animal | 0 | 鲤鱼 草鱼
餐饮食品/餐饮具/复用餐饮具/餐馆自行消毒餐饮具 | 20 | 3.0 | K1 | rapid_catering | 0 | 碗 筷子
"""

DRUG = """
药品/化学药品/片剂 | 35 | 0.3 | U9 O1 | drug | 30 | 阿莫西林片 二甲双胍片
药品/化学药品/胶囊剂 | 20 | 0.3 | U9 O1 | drug | 30 | 奥美拉唑肠溶胶囊
药品/中成药/丸剂 | 20 | 0.6 | U9 O1 | drug | 25 | 六味地黄丸
药品/中药饮片/中药饮片 | 25 | 1.6 | U9 P1 | herbal | 25 | 黄芪 当归 甘草
"""

MEDICAL_DEVICE = """
医疗器械/第二类/医用口罩 | 50 | 2.5 | U8 O2 | device | 20 | 医用外科口罩
医疗器械/第三类/一次性使用无菌注射器 | 30 | 1.5 | U9 P1 | device | 15 | 一次性使用无菌注射器
医疗器械/第二类/电子血压计 | 20 | 4.0 | U7 O3 | device | 15 | 电子血压计
"""

COSMETIC = """
化妆品/普通化妆品/护肤类 | 50 | 1.4 | C7 O3 | cosmetic | 30 | 保湿面霜 爽肤水
化妆品/特殊化妆品/祛斑美白 | 25 | 3.2 | C6 O4 | cosmetic | 20 | 美白祛斑霜
化妆品/特殊化妆品/染发 | 25 | 2.6 | C7 O3 | cosmetic | 20 | 染发膏
"""

PRODUCT = """
工业产品/纺织服装/儿童服装 | 30 | 9 | C7 O3 | textile | 30 | 儿童卫衣 校服
工业产品/家用电器/电热水壶 | 25 | 8 | C6 O4 | electrical | 25 | 电热水壶
工业产品/农资/复合肥料 | 20 | 7 | P3 C7 | materials | 20 | 复合肥料
工业产品/建材/水泥 | 15 | 3 | P5 C5 | materials | 15 | 普通硅酸盐水泥
工业产品/成品油/车用汽油 | 10 | 1.5 | C1 | materials | 8 | 92号车用汽油
"""

TABLES = {
    "food": FOOD,
    "food_rapid": FOOD_RAPID,
    "drug": DRUG,
    "medical_device": MEDICAL_DEVICE,
    "cosmetic": COSMETIC,
    "product": PRODUCT,
}
